"""A key that Textual takes for another one."""

from __future__ import annotations

from typing import cast

from textual import _ansi_sequences
from textual.keys import Keys


def know_alt_enter() -> None:
    """Make Alt+Enter, as terminals without the Kitty protocol send it, break the line.

    Textual drops the Alt of an Enter that comes after an escape character: half a message would be sent.
    """
    known = cast("dict[str, tuple[Keys, ...]]", _ansi_sequences.ANSI_SEQUENCES_KEYS)
    known.setdefault("\x1b\r", (Keys.ControlJ,))
