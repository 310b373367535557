"""Blocks of code: coloured, behind a bar, with a label to copy them."""

from __future__ import annotations

from collections.abc import Iterator

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import _TokenType
from pygments.util import ClassNotFound
from rich.segment import Segment
from rich.style import Style
from rich.syntax import Syntax

from llmctl.tui.transcript.line import Line, hard_rows, indented, wrapped
from llmctl.tui.transcript.palette import Palette

COLOURED = 60_000
"""Characters of the longest code that is coloured, which takes about 1 ms for 1,000."""
LONGEST_LINE = 2_000
COPY = " copy "
BAR = "▏ "


class Highlighter:
    """Colours code with Pygments; remembers lexers and styles."""

    def __init__(self, palette: Palette) -> None:
        self.palette = palette
        self._theme = Syntax.get_theme(palette.syntax)
        self._lexers: dict[str, Lexer | None] = {}
        self._styles: dict[_TokenType, Style] = {}

    def lines(self, code: str, language: str) -> list[list[Segment]]:
        """Segments of each line of the code, as many as it has; tabs must have been expanded."""
        lines = code.split("\n")
        lexer = self._lexer(language)
        if lexer is not None and len(code) <= COLOURED and max(map(len, lines)) <= LONGEST_LINE:
            coloured = list(self._coloured(lexer, code))
            if len(coloured) >= len(lines):
                return coloured[: len(lines)]
        return [[Segment(line, self.palette.panel)] for line in lines]

    def _lexer(self, language: str) -> Lexer | None:
        if language not in self._lexers:
            try:
                self._lexers[language] = get_lexer_by_name(language, stripnl=False) if language else None
            except ClassNotFound:
                self._lexers[language] = None
        return self._lexers[language]

    def _coloured(self, lexer: Lexer, code: str) -> Iterator[list[Segment]]:
        line: list[Segment] = []
        for kind, text in lexer.get_tokens(code):
            style = self._styles.get(kind) or self._style(kind)
            first, *others = text.split("\n")
            if first:
                line.append(Segment(first, style))
            for other in others:
                yield line
                line = [Segment(other, style)] if other else []
        yield line

    def _style(self, kind: _TokenType) -> Style:
        """Without the theme's background, which isn't the app's."""
        found = self._theme.get_style_for_token(kind)
        colours = Style(color=found.color, bold=found.bold, italic=found.italic, underline=found.underline)
        self._styles[kind] = self.palette.panel + colours
        return self._styles[kind]


def code_lines(highlighter: Highlighter, code: str, language: str, width: int) -> list[Line]:
    """The rows of a piece of code, without the head of the block."""
    palette = highlighter.palette
    bar = Segment(BAR, palette.panel + palette.faint)
    result: list[Line] = []
    sources = code.split("\n")
    for source, segments in zip(sources, highlighter.lines(code.expandtabs(4), language), strict=True):
        lines = wrapped(segments, max(1, width - len(BAR)), hard_rows)
        lines[0].glue = "\n"
        if "\t" in source and len(lines) == 1:
            lines[0].raw = source
        for line in indented(lines, bar, bar):
            line.fill = palette.panel
            result.append(line)
    return result


def code_head(palette: Palette, language: str, number: int, width: int) -> Line:
    """The line above code: its language and, at the right, the label that copies the number-th block."""
    dim = palette.panel + palette.dim
    name = language[: max(0, width - len(BAR) - len(COPY))]
    gap = max(0, width - len(BAR) - Segment(name).cell_length - len(COPY))
    label = palette.panel + palette.action + Style.from_meta({"do": ("code", number)})
    segments = [Segment(BAR, palette.panel + palette.faint), Segment(name + " " * gap, dim), Segment(COPY, label)]
    return Line(segments, skip=True, fill=palette.panel)
