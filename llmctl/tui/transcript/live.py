"""Markdown drawn while it comes in.

A block of the top level is final when the next one has begun, and is then drawn once, as in the whole text.
The last block may still change. A long one is drawn piece by piece, and what came early keeps the look it had.
List: all items but the last. Table: whole rows, and with them the widths of the columns. Paragraph: what is some
way back. Fence: see `OpenFence`. When the block is over, it is drawn once more, as in the whole text.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import Any

from markdown_it.token import Token
from rich.style import Style

from llmctl.tui.transcript.fence import OpenFence
from llmctl.tui.transcript.line import Line, harmless, plain
from llmctl.tui.transcript.markdown import Continued, Renderer, parseable, parser
from llmctl.tui.transcript.openblock import LONG_PARAGRAPH, OpenBlock, offset_of

_UNDECIDED = re.compile(r"[ >]*(?:[-=*_+`~#|: ]+|\d{1,3}[.)]?)$")
"""The start of a line that may become a fence, a heading, a rule, a table or an item: not shown yet."""


class LivePlain:
    """The lines of a plain text that grows; only its last line is drawn again."""

    def __init__(self, style: Style, width: int) -> None:
        self._style, self._width = style, width
        self._rest = ""
        self._held = ""
        self._final: list[Line] = []
        self._tail: list[Line] = []

    @property
    def lines(self) -> list[Line]:
        return [*self._final, *self._tail]

    def feed(self, text: str) -> None:
        text, self._held = _without_half_end(self._held + text)
        self._rest += harmless(text)

    def draw(self) -> None:
        whole, end, rest = self._rest.rpartition("\n")
        if end:
            self._final += plain(whole, self._style, self._width)
            self._rest = rest
        self._tail = plain(self._rest, self._style, self._width)

    def finish(self) -> list[Line]:
        self._rest += "\n" if self._held else ""
        self.draw()
        return self.lines


class LiveMarkdown:
    """The lines of a Markdown text that grows."""

    def __init__(self, renderer: Renderer, codes: int = 0) -> None:
        """The renderer is used for nothing else; `codes` is the number of the first block of code."""
        self._renderer = renderer
        self._structure = parser(blocks_only=True)
        self._source = ""
        self._held = ""
        self._parsed = 0
        self._first = self._codes = codes
        self._references: dict[str, Any] = {}
        self._final: list[Line] = []
        self._tail: list[Line] = []
        self._block = OpenBlock(0, 0, codes)
        self._fence: OpenFence | None = None

    @property
    def lines(self) -> list[Line]:
        early, tail = self._block.early, self._tail
        gap = [Line()] if self._final and (early or tail) else []
        return list(chain(self._final, gap, early, tail))

    def feed(self, text: str) -> None:
        text, self._held = _without_half_end(self._held + text)
        self._source += harmless(text)

    def draw(self) -> None:
        """Bring the lines up to date."""
        complete = self._source.rfind("\n") + 1
        if complete > self._parsed:
            self._parsed = complete
            self._advance(complete)
        self._tail = self._fence.lines(self._source) if self._fence else self._rest()

    def finish(self) -> list[Line]:
        """The lines of the whole text."""
        self._source += "\n" if self._held else ""
        if parseable(self._source):
            self._finalise(len(self._source))
        # What was drawn before a link's target was known, or in pieces of what isn't parsed as a whole, is redone.
        if self._references or self._renderer.gave_up or not parseable(self._source):
            self._final = self._renderer.render(self._source, None, Continued(self._first))
        return self._final

    def _advance(self, complete: int) -> None:
        """Make final what lines up to an offset have ended."""
        while True:
            if self._fence is not None:
                end = self._fence.feed(self._source, complete)
                if end is None:
                    return
                self._finalise(end)
            tokens = self._last(complete)
            if not tokens or tokens[0].type != "fence":
                self._keep(tokens, complete)
                return
            self._fence = OpenFence.found(self._renderer, self._source, self._block.start, self._block.codes)
            if self._fence is None:
                return

    def _last(self, complete: int) -> list[Token]:
        """The tokens of the last block; those before it are made final."""
        tokens, tops = self._parse(self._block.text(self._source, complete))
        if len(tops) < 2:
            return tokens
        text = self._source[self._block.start : complete]
        tokens, tops = self._parse(text)
        if len(tops) < 2:  # it only seemed so behind the prefix
            return []
        self._finalise(self._block.start + offset_of(text, (tokens[tops[-1]].map or [0])[0]))
        return self._parse(self._source[self._block.start : complete])[0]

    def _parse(self, text: str) -> tuple[list[Token], list[int]]:
        """Tokens of blocks, and where blocks of the top level begin among them."""
        tokens = self._structure.parse(text, {"references": {}})
        return tokens, [index for index, token in enumerate(tokens) if token.level == 0 and token.nesting >= 0]

    def _finalise(self, end: int) -> None:
        """Draw the blocks up to an offset as they stay."""
        text = self._source[self._block.start : end]
        drawn = self._renderer.render(text, self._references, Continued(self._codes))
        self._final += [Line(), *drawn] if self._final and drawn else drawn
        self._codes = self._renderer.codes
        self._block = OpenBlock(end, end, self._codes)
        self._fence = None
        self._tail = []

    def _keep(self, tokens: list[Token], complete: int) -> None:
        """Draw the early part of a long block for the time being."""
        text = self._block.text(self._source, complete)
        match tokens[0].type if tokens else "":
            case "bullet_list_open" | "ordered_list_open":
                self._block.take_items(text, tokens, self._renderer, self._references)
            case "table_open":
                self._block.take_rows(text, tokens[0], self._renderer, self._references)

    def _rest(self) -> list[Line]:
        source, block = self._source, self._block
        begun = max(source.rfind("\n") + 1, block.rest)
        text = block.text(source, begun if _UNDECIDED.match(source, begun) else len(source))
        while len(text) > LONG_PARAGRAPH and self._is_paragraph(text):
            block.take_words(text, self._renderer, self._references)
            text = block.text(source, len(source))
        return block.drawn(text, self._renderer, self._references)

    def _is_paragraph(self, text: str) -> bool:
        tokens, tops = self._parse(text)
        return len(tops) == 1 and tokens[0].type == "paragraph_open"


def _without_half_end(text: str) -> tuple[str, str]:
    """(the text, \\r if it ends so): \\n may follow, and the two are one line end."""
    return (text[:-1], "\r") if text.endswith("\r") else (text, "")
