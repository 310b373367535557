"""Where entries are: heights in rows, measured when they come into view and estimated before.

The reader's place is the truth: an entry and the row of it at the top of the view. Rows from the top of the
transcript follow from it, so that no correction of a height moves what is being read.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from llmctl.tui.transcript.entry import Entry, TextPart
from llmctl.tui.transcript.line import Line

KEPT = 6_000
"""Rows that stay rendered while they are out of sight."""


@dataclass(slots=True)
class Slot:
    """An entry and its rows; None while they aren't rendered."""

    entry: Entry
    height: int
    lines: list[Line] | None = None
    measured: bool = False


class Layout:
    """The entries one below the other."""

    def __init__(self, render: Callable[[Entry], list[Line]]) -> None:
        self.slots: list[Slot] = []
        self.width = 80
        self.top, self.offset = 0, 0
        self._render = render
        self._starts = [0]
        self._known = 0  # starts up to this index are right
        self._recent: OrderedDict[int, int] = OrderedDict()  # index -> rows rendered, oldest first
        self._kept = 0

    def __len__(self) -> int:
        return len(self.slots)

    @property
    def starts(self) -> list[int]:
        """The first row of each entry, and the number of all rows."""
        if self._known < len(self.slots):
            del self._starts[self._known + 1 :]
            heights = (slot.height for slot in self.slots[self._known :])
            self._starts += list(accumulate(heights, initial=self._starts[-1]))[1:]
            self._known = len(self.slots)
        return self._starts

    @property
    def row(self) -> int:
        """The row at the top of the view."""
        return (self.starts[self.top] if self.slots else 0) + self.offset

    def add(self, entry: Entry) -> None:
        self.slots.append(Slot(entry, self._estimate(entry)))

    def truncate(self, index: int) -> None:
        """Only the entries before an index stay."""
        for gone in range(index, len(self.slots)):
            self._forget(gone)
        del self.slots[index:]
        del self._starts[index + 1 :]
        self._known = min(self._known, index)
        if self.top >= index:
            self.top, self.offset = max(0, index - 1), 0

    def lines(self, index: int) -> list[Line]:
        """The rows of an entry, rendered if need be."""
        slot = self.slots[index]
        if slot.lines is None:
            lines = self._render(slot.entry)
            self.replace(index, lines)
            return lines
        if index in self._recent:
            self._recent.move_to_end(index)
        return slot.lines

    def replace(self, index: int, lines: list[Line] | None, keep: bool = False) -> None:
        """Give an entry other rows, or None to have it rendered when it is seen; `keep` them while it grows."""
        self._forget(index)
        slot = self.slots[index]
        slot.lines = lines
        if lines is None:
            return
        slot.measured = True
        if not keep:
            self._recent[index] = len(lines)
            self._kept += len(lines)
        if slot.height != len(lines):
            slot.height = len(lines)
            self._known = min(self._known, index)

    def redraw(self, width: int) -> None:
        """Have all rendered again; estimate heights anew if the width is another."""
        ratio = 0.0
        if self.slots and (old := self.slots[self.top].height):
            ratio = self.offset / old
        for index, slot in enumerate(self.slots):
            self._forget(index)
            if width != self.width or not slot.measured:
                slot.measured = False
                slot.height = -1
        resized, self.width = width != self.width, width
        for slot in self.slots:
            if slot.height < 0:
                slot.height = self._estimate(slot.entry)
        self._known, self._starts = 0, [0]
        if self.slots and resized:
            self.offset = round(ratio * len(self.lines(self.top)))

    def at(self, row: int) -> tuple[int, int]:
        """(entry, row of it) at a row of the transcript; row may be too large."""
        index = min(bisect_right(self.starts, row), len(self.slots)) - 1
        return index, row - self.starts[index]

    def move(self, rows: int) -> None:
        """Move the view; what comes into it is measured, so that this many rows really pass by."""
        self.offset += rows
        while self.offset < 0 and self.top > 0:
            self.top -= 1
            self.offset += len(self.lines(self.top))
        while self.offset >= len(self.lines(self.top)) and self.top < len(self.slots) - 1:
            self.offset -= len(self.lines(self.top))
            self.top += 1
        self.offset = max(0, self.offset)

    def jump(self, row: int) -> None:
        """Move the view far away: what lies between isn't measured."""
        self.top, self.offset = self.at(max(0, row))

    def to_end(self, view: int) -> None:
        """The last `view` rows are in the view."""
        self.top, self.offset = len(self.slots) - 1, len(self.lines(len(self.slots) - 1))
        if view:
            self.move(-view)

    def settle(self, view: int) -> None:
        """Measure what is in a view of so many rows, and fill it if there is enough to fill it."""
        if not self.slots:
            self.top, self.offset = 0, 0
            return
        self.offset = min(self.offset, len(self.lines(self.top)) - 1)
        index, row = self.top, -self.offset
        while row < view and index < len(self.slots):
            row += len(self.lines(index))
            index += 1
        if row < view:
            self.to_end(view)
        self._trim(index)

    def _forget(self, index: int) -> None:
        self._kept -= self._recent.pop(index, 0)
        self.slots[index].lines = None

    def _trim(self, below: int) -> None:
        """Drop what was seen longest ago; what is in view, up to the index `below`, stays."""
        for index in list(self._recent):
            if self._kept <= KEPT:
                return
            if not self.top <= index < below:
                self._forget(index)

    def _estimate(self, entry: Entry) -> int:
        height = 2 + bool(entry.footer)
        for part in entry.parts:
            height += 1
            if isinstance(part, TextPart):
                height += part.text.count("\n") + len(part.text) // max(1, self.width)
        return height
