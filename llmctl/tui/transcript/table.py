"""Tables of Markdown as lines."""

from __future__ import annotations

from rich.segment import Segment

from llmctl.tui.transcript.line import Line, wrapped
from llmctl.tui.transcript.palette import Palette

BETWEEN = " │ "
NARROWEST = 6
Cell = list[Segment]


def table_lines(rows: list[list[Cell]], widths: list[int], align: list[str], palette: Palette) -> list[Line]:
    """The head (the first row), a rule, and the rows; or rows one below the other if there is but one width."""
    if len(widths) < len(align):
        return _stacked(rows, widths[0])
    rule = "─┼─".join("─" * cells for cells in widths)
    lines = _row(rows[0], widths, align, palette)
    lines.append(Line([Segment(rule, palette.faint)], skip=True))
    for row in rows[1:]:
        lines += _row(row, widths, align, palette)
    return lines


def column_widths(rows: list[list[Cell]], columns: int, width: int) -> list[int]:
    """Cells of each column; only the whole width where the columns don't fit beside each other."""
    space = width - len(BETWEEN) * (columns - 1)
    if space < NARROWEST * columns and columns > 1:
        return [width]
    return fitted(natural_widths(rows, columns), space)


def natural_widths(rows: list[list[Cell]], columns: int) -> list[int]:
    """Cells that the widest text of each column takes."""
    widths = [1] * columns
    for row in rows:
        for index, cell in enumerate(row):
            widths[index] = max(widths[index], sum(segment.cell_length for segment in cell))
    return widths


def fitted(widths: list[int], space: int) -> list[int]:
    """Widths that fit the space: wide columns are cut to the same width, narrow ones stay as they are."""
    if sum(widths) <= space:
        return widths
    limit, left, columns = 0, space, len(widths)
    for index, cells in enumerate(sorted(widths)):
        limit = left // (columns - index)
        if cells > limit:
            break
        left -= cells
    return [max(1, min(cells, limit)) for cells in widths]


def _row(row: list[Cell], widths: list[int], align: list[str], palette: Palette) -> list[Line]:
    cells = [wrapped(cell, cells) for cell, cells in zip(row, widths, strict=False)]
    lines = []
    for number in range(max(map(len, cells), default=1)):
        segments: list[Segment] = []
        for index, cell in enumerate(cells):
            if index:
                segments.append(Segment(BETWEEN, palette.faint))
            segments += _aligned(cell[number] if number < len(cell) else Line(), widths[index], align[index])
        lines.append(Line(segments))
    return lines


def _aligned(line: Line, width: int, align: str) -> list[Segment]:
    """A cell's row filled up to the width."""
    space = max(0, width - line.cells)
    left = space if align == "right" else space // 2 if align == "center" else 0
    ends = (Segment(" " * left), *line.segments, Segment(" " * (space - left)))
    return [segment for segment in ends if segment.text]


def _stacked(rows: list[list[Cell]], width: int) -> list[Line]:
    """Each row as lines "head: text", with a blank line between rows."""
    lines: list[Line] = []
    for row in rows[1:] or rows:
        if lines:
            lines.append(Line())
        for name, cell in zip(rows[0], row, strict=False):
            lines += wrapped([*name, Segment(": "), *cell], width)
    return lines
