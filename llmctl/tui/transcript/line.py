"""A rendered line, and how text is cut into lines of a given width in cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from rich.cells import cell_len, split_graphemes
from rich.segment import Segment
from rich.style import Style

# A wide character of East Asian scripts may end a line; so each is a unit of its own.
_UNITS = re.compile(
    r"[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uffe6]|[^\s\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uffe6]+|\s+"
)
_HARMFUL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(slots=True)
class Line:
    """One row of cells. Characters start to end (of all segments) are text that can be copied.

    `glue` is what stands between the line before and this one in copied text; `raw` is the text with its tabs;
    a line with `skip` is furniture, which copying leaves out.
    """

    segments: list[Segment] = field(default_factory=list)
    start: int = 0
    end: int | None = None
    glue: str = "\n"
    raw: str | None = None
    skip: bool = False
    kind: str = ""
    fill: Style | None = None

    @property
    def text(self) -> str:
        return "".join(segment.text for segment in self.segments)

    @property
    def cells(self) -> int:
        return sum(cell_len(segment.text) for segment in self.segments)

    def copied(self, start: int, end: int | None) -> str:
        """The text to copy between two characters of the line; end None is the line's end."""
        text = self.text
        last = len(text) if self.end is None else self.end
        if self.raw is not None and start <= self.start and (end is None or end >= last):
            return self.raw
        return text[max(start, self.start) : last if end is None else min(end, last)]


Rows = Iterator[tuple[int, int, str]]


def harmless(text: str) -> str:
    """Line ends as \\n, and no control character that a terminal would obey: ESC becomes ␛."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _HARMFUL.sub(_shown, text) if _HARMFUL.search(text) else text


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 32 else "␡" if code == 127 else "\ufffd"


def rows(text: str, width: int) -> Rows:
    """(start, end, glue) of each row that text fills; broken at spaces, long words anywhere."""
    return _ascii_rows(text, width) if text.isascii() else _cell_rows(text, width)


def _ascii_rows(text: str, width: int) -> Rows:
    position, size, glue = 0, len(text), "\n"
    while size - position > width:
        after = text.rfind(" ", position, position + width + 1) + 1
        end = position + len(text[position:after].rstrip(" ")) if after else position
        if end == position:  # a word longer than the row, or spaces only
            end = after = position + width
        while after < size and text[after] == " " and after > end:
            after += 1
        yield position, end, glue
        position, glue = after, text[end:after]
    yield position, size, glue


def _cell_rows(text: str, width: int) -> Rows:
    position, end, used, glue = 0, 0, 0, "\n"
    for unit in _UNITS.finditer(text):
        start, cells = unit.start(), cell_len(unit[0])
        if unit[0].isspace():
            used += cells
            continue
        if used and used + cells > width:
            yield position, max(position, end), glue
            glue = text[max(position, end) : start]
            position, used = start, 0
        if cells > width:
            for cut in _chopped(unit[0], width):
                yield position, start + cut, glue
                position, glue = start + cut, ""
            cells = cell_len(text[position : unit.end()])
        used, end = used + cells, unit.end()
    yield position, max(position, end), glue


def hard_rows(text: str, width: int) -> Rows:
    """As `rows`, but broken where a row is full, so that every space is kept."""
    cuts = range(width, len(text), width) if text.isascii() else (cut for cut in _chopped(text, width))
    position = 0
    for cut in cuts:
        yield position, cut, ""
        position = cut
    yield position, len(text), ""


def _chopped(word: str, width: int) -> Iterator[int]:
    """Where to cut a word wider than a row: character offsets."""
    used = 0
    for start, _, cells in split_graphemes(word)[0]:
        if used + cells > width and used:
            yield start
            used = 0
        used += cells


def wrapped(spans: list[Segment], width: int, cut: Callable[[str, int], Rows] = rows) -> list[Line]:
    """Styled text without line ends as lines of at most width cells."""
    text = "".join(span.text for span in spans)
    if len(text) <= width and text.isascii():
        return [Line(spans)]
    lines, parts, offset = [], iter(spans), 0
    span = next(parts, None)
    for start, end, glue in cut(text, width):
        segments = []
        while span is not None and offset < end:
            low, high = max(start, offset) - offset, min(end, offset + len(span.text)) - offset
            if low < high:
                segments.append(Segment(span.text[low:high], span.style))
            if offset + len(span.text) > end:
                break
            offset += len(span.text)
            span = next(parts, None)
        lines.append(Line(segments, glue=glue))
    return lines


def plain(text: str, style: Style, width: int) -> list[Line]:
    """Harmless text with its own line ends as lines; tabs are expanded."""
    return [
        Line([Segment(line[start:end], style)], glue=glue)
        for line in text.expandtabs(4).split("\n")
        for start, end, glue in rows(line, width)
    ]


def indented(lines: Iterable[Line], first: Segment, rest: Segment) -> list[Line]:
    """Lines behind a margin, which isn't copied with them."""
    result = []
    margin = first
    for line in lines:
        shift = len(margin.text)
        end = None if line.end is None else line.end + shift
        result.append(replace(line, segments=[margin, *line.segments], start=line.start + shift, end=end))
        margin = rest
    return result
