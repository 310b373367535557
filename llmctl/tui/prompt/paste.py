"""What is pasted: cleaned, and told apart by its size."""

from __future__ import annotations

import re
from collections.abc import Iterable

from llmctl.attach.read import attachment
from llmctl.cli.streams import harmless
from llmctl.core.media import Attachment

BIG_LINES, BIG_CHARS = 10, 1500
"""Above which a paste becomes a file: the prompt stays readable, and typing quick."""

_NAME = re.compile(r"paste-(\d+)\.txt")


def cleaned(text: str) -> str:
    """With line feeds only, and without control characters, which a terminal would obey."""
    return harmless(text.replace("\r\n", "\n").replace("\r", "\n"))


def is_big(text: str) -> bool:
    """Whether a paste is too much to be looked at in the prompt."""
    return len(text) > BIG_CHARS or line_count(text) > BIG_LINES


def line_count(text: str | bytes) -> int:
    """Lines, whether or not the last one is ended."""
    if isinstance(text, str):
        return text.rstrip("\n").count("\n") + 1
    return text.rstrip(b"\n").count(b"\n") + 1


def paste_file(text: str, last: int) -> Attachment:
    """The paste as a file, numbered one higher than `last`. Raises UsageError if it is blank or too large."""
    return attachment(f"paste-{last + 1}.txt", text.encode("utf-8", "replace"))


def last_number(files: Iterable[Attachment]) -> int:
    """The highest number among the files that were pastes."""
    found = (_NAME.fullmatch(item.name) for item in files)
    return max((int(match[1]) for match in found if match), default=0)
