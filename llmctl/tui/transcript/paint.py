"""Lines as strips: with the bar at the left, the row of actions, selected text and what was searched for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from llmctl.tui.transcript.line import Line
from llmctl.tui.transcript.palette import Palette

GUTTER = 2
"""Cells, and characters, of the bar."""
MARGIN = 2
"""Cells that stay free at the right."""


@dataclass(slots=True)
class Marks:
    """What is drawn over a line. Spans are in characters of the line, the bar included."""

    role: str = ""
    chosen: bool = False
    actions: Sequence[tuple[str, str]] = ()
    selection: tuple[int, int] | None = None
    needle: str = ""


@dataclass(slots=True)
class Painter:
    """Paints rows of `width` cells, `text_width` of them text, with styles that were resolved once."""

    palette: Palette
    width: int
    text_width: int
    base: Style
    selected: Style

    def strip(self, line: Line, marks: Marks, y: int) -> Strip:
        """A strip of the full width; y is what selections know the line by."""
        segments = [*self._gutter(line, marks), *line.segments]
        if marks.needle:
            segments = self._with_needle(segments, marks.needle)
        if marks.selection is not None and not line.skip:
            segments = self._with_selection(segments, line, marks.selection)
        used = cells_of(segments)
        limit = min(self.width, GUTTER + self.text_width)
        if marks.actions:
            segments += self.action_row(marks.actions, limit - used)
            used = cells_of(segments)
        if line.fill is not None and used < limit:
            segments.append(Segment(" " * (limit - used), line.fill))
            used = limit
        if used < self.width:
            segments.append(Segment(" " * (self.width - used)))
        strip = Strip(self._placed(segments, y), max(used, self.width))
        return strip.adjust_cell_length(self.width, self.base)

    def _placed(self, segments: list[Segment], y: int) -> Iterator[Segment]:
        """With the style of the widget, and with the place of each in the text, which selections need."""
        x = 0
        for text, style, _ in segments:
            place = Style.from_meta({"offset": (x, y)})
            yield Segment(text, (self.base + style if style else self.base) + place)
            x += len(text)

    def action_row(self, actions: Sequence[tuple[str, str]], space: int) -> list[Segment]:
        """Labels at the right end of the space, as many as fit; the last ones give way."""
        chosen: list[tuple[str, str]] = []
        used = 0
        for name, label in actions:
            used += len(label) + (3 if chosen else 2)
            if used > space:
                break
            chosen.append((name, label))
        if not chosen:
            return []
        row: list[Segment] = []
        for name, label in chosen:
            row.append(Segment(" · " if row else "  ", self.palette.faint))
            row.append(Segment(label, self.palette.action + Style.from_meta({"do": ("act", name)})))
        return [Segment(" " * (space - cells_of(row))), *row]

    def _gutter(self, line: Line, marks: Marks) -> list[Segment]:
        palette = self.palette
        if line.kind == "gap":
            return [Segment("  ")]
        if marks.chosen:
            return [Segment("┃ ", palette.accent)]
        if marks.role in ("user", "error"):
            return [Segment("▌ ", palette.user if marks.role == "user" else palette.error)]
        return [Segment("  ")]

    def _with_needle(self, segments: list[Segment], needle: str) -> list[Segment]:
        text = "".join(segment.text for segment in segments).lower()
        start = text.find(needle, GUTTER)
        while start >= 0:
            segments = restyled(segments, start, start + len(needle), self.palette.found)
            start = text.find(needle, start + len(needle))
        return segments

    def _with_selection(self, segments: list[Segment], line: Line, span: tuple[int, int]) -> list[Segment]:
        last = len(line.text) if line.end is None else line.end
        start = max(span[0], line.start + GUTTER)
        end = last + GUTTER if span[1] < 0 else min(span[1], last + GUTTER)
        return restyled(segments, start, end, self.palette.selected or self.selected)


def cells_of(segments: list[Segment]) -> int:
    return sum(segment.cell_length for segment in segments)


def restyled(segments: list[Segment], start: int, end: int, style: Style) -> list[Segment]:
    """With a style over the characters from start to end."""
    result, position = [], 0
    for segment in segments:
        text, old, _ = segment
        low, high = max(0, start - position), min(len(text), end - position)
        position += len(text)
        if low >= high:
            result.append(segment)
            continue
        pieces = (Segment(text[:low], old), Segment(text[low:high], (old or Style.null()) + style))
        result += [piece for piece in (*pieces, Segment(text[high:], old)) if piece.text]
    return result
