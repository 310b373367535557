"""A fence that is still open, drawn as its lines come."""

from __future__ import annotations

import re

from llmctl.tui.transcript.code import code_head, code_lines
from llmctl.tui.transcript.line import Line
from llmctl.tui.transcript.markdown import Renderer

_OPENING = re.compile(r" {0,3}(?P<mark>`{3,}|~{3,})(?P<info>[^\n]*)\n")
PIECE = 40
"""Lines that are coloured together; earlier ones stay as they are until the fence closes."""


class OpenFence:
    """Lines of code are coloured in pieces of up to PIECE lines; a line that isn't whole yet on its own."""

    def __init__(self, renderer: Renderer, at: int, opening: re.Match[str], number: int) -> None:
        """`at` is the offset in the source behind the opening line, `number` that of the block of code."""
        self._renderer = renderer
        self._at = at
        self._closing = re.compile(rf" {{0,3}}{opening['mark'][0]}{{{len(opening['mark'])},}}[ \t]*$")
        self._indent = len(opening[0]) - len(opening[0].lstrip(" "))
        self._language = (opening["info"].split() or [""])[0]
        self._done = [code_head(renderer.palette, self._language, number, renderer.width)]
        self._piece: list[str] = []
        self._coloured: list[Line] = []

    @classmethod
    def found(cls, renderer: Renderer, source: str, start: int, number: int) -> OpenFence | None:
        """The fence that the block at the offset `start` is, if its first line is whole."""
        while source.startswith("\n", start):
            start += 1
        opening = _OPENING.match(source, start)
        return None if opening is None else cls(renderer, opening.end(), opening, number)

    def feed(self, source: str, complete: int) -> int | None:
        """Take the lines up to the offset `complete`; the offset behind the closing line if it is there."""
        grown = False
        while self._at < complete:
            end = source.index("\n", self._at)
            line = source[self._at : end]
            self._at = end + 1
            if self._closing.match(line):
                return self._at
            self._piece.append(self._shifted(line))
            grown = True
        if grown:
            self._freeze()
            self._coloured = self._drawn(self._piece)
        return None

    def lines(self, source: str) -> list[Line]:
        rest = self._shifted(source[self._at :])
        partly = self._drawn([rest]) if rest.strip(" `~") else []
        nothing = len(self._done) == 1 and not self._coloured and not partly
        return [*self._done, *self._coloured, *(self._drawn([""]) if nothing else partly)]

    def _shifted(self, line: str) -> str:
        """Without the indent that the fence has too."""
        return line[min(self._indent, len(line) - len(line.lstrip(" "))) :]

    def _freeze(self) -> None:
        while len(self._piece) > PIECE:
            cut = self._cut()
            self._done += self._drawn(self._piece[:cut])
            del self._piece[:cut]

    def _cut(self) -> int:
        """Where a piece may end: before a line without indent, so most likely not within a text or comment."""
        for number in range(PIECE - 1, PIECE // 2, -1):
            if self._piece[number][:1].strip():
                return number
        return PIECE * 2 // 3

    def _drawn(self, code: list[str]) -> list[Line]:
        if not code:
            return []
        return code_lines(self._renderer.highlighter, "\n".join(code), self._language, self._renderer.width)
