"""The last block of a text that grows: what of it is drawn already, and where the rest begins."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from markdown_it.token import Token
from rich.segment import Segment

from llmctl.tui.transcript.line import Line
from llmctl.tui.transcript.markdown import Continued, Renderer

LONG_LIST, LONG_TABLE, LONG_PARAGRAPH = 12, 24, 1_600
"""Lines of a list and of a table, characters of a paragraph, that are drawn as one piece."""
BEHIND = 200
"""Characters at the end of a paragraph that may still change."""
_WORD = re.compile(r"\s(?=[^\W\d_])")


@dataclass(slots=True)
class OpenBlock:
    """`start` and `rest` are offsets in the source; `early` are the lines of what is between them.

    The rest is parsed behind `prefix`, which draws `repeated` lines that are there already.
    """

    start: int
    rest: int
    codes: int
    early: list[Line] = field(default_factory=list)
    prefix: str = ""
    repeated: int = 0
    lead: list[Segment] = field(default_factory=list)
    widths: list[int] | None = None

    def text(self, source: str, end: int) -> str:
        return self.prefix + source[self.rest : end]

    def drawn(self, text: str, renderer: Renderer, references: dict[str, object]) -> list[Line]:
        """Lines of a text that begins with the prefix."""
        continued = Continued(self.codes, list(self.lead), self.widths)
        return renderer.render(text, dict(references), continued)[self.repeated :]

    def take_items(
        self, text: str, tokens: list[Token], renderer: Renderer, references: dict[str, object]
    ) -> None:
        """Keep the items of a list but the last, which a new sibling has made final."""
        starts = [token.map[0] for token in tokens if token.level == 1 and token.nesting > 0 and token.map]
        if not starts or starts[-1] < LONG_LIST:
            return
        cut = offset_of(text, starts[-1])
        self.early += self.drawn(text[:cut], renderer, references)
        if text[:cut].endswith("\n\n"):
            self.early.append(Line())
        self.codes = renderer.codes
        self.rest += cut

    def take_rows(self, text: str, token: Token, renderer: Renderer, references: dict[str, object]) -> None:
        """Keep all rows of a table; their columns' widths are fixed with that."""
        first, last = token.map or [0, 0]
        if last - first < LONG_TABLE:
            return
        self.early += self.drawn(text, renderer, references)
        self.rest += len(text) - len(self.prefix)
        self.widths = renderer.widths
        self.prefix = text[: offset_of(text, first + 2)]
        self.repeated = 0
        self.repeated = len(self.drawn(self.prefix, renderer, references))

    def take_words(self, text: str, renderer: Renderer, references: dict[str, object]) -> None:
        """Keep what of a long paragraph is some way back; its last row leads the rest."""
        cut = _cut(text)
        *lines, last = self.drawn(text[:cut], renderer, references)
        self.early += lines
        self.lead = [*last.segments, Segment(" ")] if text[cut - 1].isspace() else last.segments
        self.rest += cut


def offset_of(text: str, line: int) -> int:
    """Characters before a line."""
    return len(text) - len(text.split("\n", line)[line]) if line else 0


def _cut(text: str) -> int:
    """Before a word where no markup seems to be open, so that both sides look as they do together."""
    found = [match.end() for match in _WORD.finditer(text, 0, len(text) - BEHIND)][-20:]
    for cut in reversed(found):
        head = text[:cut]
        if head.count("`") % 2 == 0 and head.count("*") % 2 == 0 and head.count("[") <= head.count("]"):
            return cut
    return found[-1] if found else len(text) - BEHIND
