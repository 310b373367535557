"""An entry as lines: its head, its parts, its foot."""

from __future__ import annotations

from collections.abc import Set
from itertools import chain, pairwise

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style

from llmctl.tui.transcript.entry import Entry, MediaPart, Part, ReasoningPart, TextPart, ToolPart
from llmctl.tui.transcript.line import Line, harmless, indented, plain
from llmctl.tui.transcript.markdown import CODES, Continued, Renderer
from llmctl.tui.transcript.palette import Palette

STATES = {"waiting": "waiting …", "stopped": "stopped", "broken": "broken off"}
UNITS = ("bytes", "kB", "MB", "GB")


class Messages:
    """Draws entries for one palette and width in cells."""

    def __init__(self, palette: Palette, width: int) -> None:
        self.palette = palette
        self.width = max(1, width)
        self.renderer = Renderer(palette, self.width)

    def lines(self, entry: Entry, opened: Set[int]) -> list[Line]:
        """All lines of an entry; `opened` are the numbers of the parts that are unfolded."""
        return self.framed(entry, [self.part(entry, number, opened) for number in range(len(entry.parts))])

    def framed(self, entry: Entry, bodies: list[list[Line]]) -> list[Line]:
        """The lines of the parts with head and foot."""
        joined = list(chain.from_iterable(self._spaced(entry.parts, bodies)))
        return [self._head(entry), *joined, *self._foot(entry)]

    def part(self, entry: Entry, number: int, opened: Set[int]) -> list[Line]:
        match entry.parts[number]:
            case TextPart(text):
                return self._text(entry, text, number)
            case ReasoningPart(text):
                last = number == len(entry.parts) - 1 and entry.state == "streaming"
                return self._reasoning(text, number, number in opened, last)
            case ToolPart() as tool:
                return self._tool(tool, number, number in opened)
            case MediaPart() as media:
                return self._media(media, number)

    def reasoning_head(self, text: str, number: int, is_open: bool, live: bool = False) -> Line:
        count = "…" if live else f"{len(text.split())} words"
        sign = "▾" if is_open else "▸"
        return self._folding(f"{sign} reasoning, {count}", number, self.palette.dim)

    def _spaced(self, parts: list[Part], bodies: list[list[Line]]) -> list[list[Line]]:
        """With a blank line between parts, but none between calls of tools or between files."""
        spaced = bodies[:1]
        for (one, other), body in zip(pairwise(parts), bodies[1:], strict=False):
            alike = type(one) is type(other) and isinstance(one, ToolPart | MediaPart)
            spaced += [body] if alike or not body or not spaced[-1] else [[Line()], body]
        return spaced

    def _text(self, entry: Entry, text: str, number: int) -> list[Line]:
        if entry.role == "assistant":
            return self.renderer.render(harmless(text), None, Continued(number * CODES))
        style = self.palette.dim if entry.role == "note" else self.palette.text
        return plain(harmless(text).rstrip("\n"), style, self.width)

    def _reasoning(self, text: str, number: int, is_open: bool, live: bool) -> list[Line]:
        head = self.reasoning_head(text, number, is_open, live)
        if not is_open:
            return [head, *self._last_words(text)] if live else [head]
        return [head, *self.behind_bar(plain(harmless(text).strip("\n"), self.palette.dim, self.width - 2))]

    def _last_words(self, text: str) -> list[Line]:
        """The end of what is thought at the moment, a row long."""
        row = harmless(text[-4 * self.width :]).rstrip().rpartition("\n")[2].expandtabs(4)
        lines = plain(row, self.palette.dim + Style(italic=True), max(1, self.width - 2))
        return indented(lines[-1:], Segment("  "), Segment("  ")) if row else []

    def behind_bar(self, lines: list[Line]) -> list[Line]:
        bar = Segment("│ ", self.palette.faint)
        return indented(lines, bar, bar)

    def _tool(self, tool: ToolPart, number: int, is_open: bool) -> list[Line]:
        palette = self.palette
        call = f"→ {tool.name}"
        if is_open:
            lines = [self._folding(call, number, palette.assistant), *self._block(tool.arguments)]
        else:
            lines = [self._folding(f"{call}({_one_line(tool.arguments, self.width)})", number, palette.assistant)]
        if tool.result is None:
            return lines
        style = palette.error if tool.error else palette.dim
        took = "" if tool.ms is None else f" {tool.ms / 1000:.1f} s"
        if is_open:
            return [*lines, self._folding(f"←{took}", number, style), *self._block(tool.result)]
        shown = self._folding(f"← {_one_line(tool.result, self.width)}", number, style, took)
        return [*lines, shown]

    def _block(self, text: str) -> list[Line]:
        return self.behind_bar(plain(harmless(text).strip("\n"), self.palette.dim, self.width - 2)) if text else []

    def _folding(self, text: str, number: int, style: Style, end: str = "") -> Line:
        """One row that a click opens or closes."""
        space = max(1, self.width - len(end))
        segment = Segment(_cut(harmless(text), space) + end, style + Style.from_meta({"do": ("fold", number)}))
        return Line([segment])

    def _media(self, media: MediaPart, number: int) -> list[Line]:
        palette = self.palette
        buttons = [
            Segment(f"[{how}]", palette.action + Style.from_meta({"do": ("media", number, how)}))
            for how in ("open", "save")
        ]
        about = f" · {media.kind} · {size_text(media.size)}  "
        name = _cut(harmless(media.name), max(1, self.width - len(about) - 15))
        segments = [Segment("▣ ", palette.user), Segment(name, palette.text), Segment(about, palette.dim)]
        return [Line([*segments, buttons[0], Segment(" "), buttons[1]])]

    def _head(self, entry: Entry) -> Line:
        palette = self.palette
        style = {"user": palette.user, "note": palette.note, "error": palette.error}.get(
            entry.role, palette.assistant
        )
        return Line([Segment(_cut(harmless(entry.title), self.width), style)], skip=True, kind="head")

    def _foot(self, entry: Entry) -> list[Line]:
        """The line of facts, if there are any, and a blank one."""
        palette = self.palette
        gap = Line(kind="gap")
        segments: list[Segment] = []
        number, count = entry.variant
        if count > 1:
            segments += [
                Segment("‹", palette.action + Style.from_meta({"do": ("act", "previous_variant")})),
                Segment(f" {number}/{count} ", palette.dim),
                Segment("›", palette.action + Style.from_meta({"do": ("act", "next_variant")})),
            ]
        for text, style in ((STATES.get(entry.state), self._state_style(entry)), (entry.footer, palette.dim)):
            if text:
                space = Segment(" · " if segments else "", palette.dim)
                used = sum(segment.cell_length for segment in (*segments, space))
                segments += [space, Segment(_cut(harmless(text), max(1, self.width - used)), style)]
        if not segments:
            return [gap]
        return [Line([segment for segment in segments if segment.text], skip=True, kind="foot"), gap]

    def _state_style(self, entry: Entry) -> Style:
        return self.palette.error if entry.state == "broken" else self.palette.dim


def size_text(size: float) -> str:
    """Bytes as people write them, such as 34 kB."""
    for unit in UNITS:
        if size < 1000 or unit == UNITS[-1]:
            break
        size /= 1000
    return f"{size:.0f} {unit}" if size >= 10 or unit == UNITS[0] else f"{size:.1f} {unit}"


def _one_line(text: str, width: int) -> str:
    """The beginning of a text, with line ends as spaces; longer than the width if the text is."""
    return " ".join(text[: 4 * width].split())


def _cut(text: str, width: int) -> str:
    """Cut to the width, with an ellipsis if anything is missing."""
    text = text.replace("\n", " ").replace("\t", " ")
    if Segment(text).cell_length <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…"
