"""Selected text: Textual knows a line by a number, which stays the same while heights above are corrected."""

from __future__ import annotations

from textual.geometry import Offset
from textual.selection import Selection

from llmctl.tui.transcript.layout import Layout
from llmctl.tui.transcript.paint import GUTTER

_BITS = 24
"""Of the number of a line within its entry."""


def line_id(index: int, row: int) -> int:
    """The number of a row of an entry; later lines have larger ones."""
    return index << _BITS | row


def entry_selection(index: int, rows: int) -> Selection:
    """All rows of an entry."""
    return Selection(Offset(0, line_id(index, 0)), Offset(1 << _BITS, line_id(index, rows - 1)))


def copied(layout: Layout, selection: Selection) -> str:
    """The text under a selection; entries out of sight are rendered for it."""
    start = selection.start or Offset(0, 0)
    end = selection.end or Offset(0, line_id(len(layout), 0))
    text: list[str] = []
    for index in range(start.y >> _BITS, min((end.y >> _BITS) + 1, len(layout))):
        for row, line in enumerate(layout.lines(index)):
            span = selection.get_span(line_id(index, row))
            if span is None or line.skip:
                continue
            last = None if span[1] < 0 else max(0, span[1] - GUTTER)
            text += [line.glue if text else "", line.copied(max(0, span[0] - GUTTER), last)]
    return "".join(text).strip("\n")
