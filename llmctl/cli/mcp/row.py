"""Text from elsewhere in a table's row."""

from __future__ import annotations

import re

from llmctl.cli.streams import harmless


def one_line(text: str) -> str:
    """The text without control characters, and with a space for each line break and tab: a row stays a row."""
    return harmless(re.sub(r"\s", " ", text))
