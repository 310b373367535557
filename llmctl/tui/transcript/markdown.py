"""Markdown as lines: what is seen of a whole text, with nothing left to decide."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.segment import Segment
from rich.style import Style

from llmctl.tui.transcript.code import Highlighter, code_head, code_lines
from llmctl.tui.transcript.line import Line, indented, plain, wrapped
from llmctl.tui.transcript.palette import Palette
from llmctl.tui.transcript.table import column_widths, table_lines

NESTING = 60
LIMIT = 200_000
"""Characters of the longest text that is parsed; longer ones are shown as written."""
BRACKETS = 4_000
"""More of them than anyone writes: the parser's time grows with their square."""
CODES = 10_000
"""Blocks of code are numbered within a message: the number of the part times this, plus that within the part."""
SCHEMES = ("https://", "http://", "mailto:")
LONGEST_URL = 2_000
NARROWEST = 12
"""Cells that quotes and lists leave for what is in them."""
BOLD, ITALIC, STRUCK = Style(bold=True), Style(italic=True), Style(strike=True)
_BLANK = re.compile(r"[\s>]*$")


@dataclass(slots=True)
class Continued:
    """How a text goes on: behind `codes` blocks of code or `lead` of a paragraph, with `widths` of a table."""

    codes: int = 0
    lead: list[Segment] = field(default_factory=list)
    widths: list[int] | None = None


@dataclass(slots=True)
class Node:
    """A block: its opening token and the blocks in it."""

    token: Token
    children: list[Node] = field(default_factory=list)


def parser(blocks_only: bool = False) -> MarkdownIt:
    """HTML is text. Only addresses with a scheme become links: main.py isn't one."""
    markdown = MarkdownIt("commonmark", {"html": False, "linkify": True, "maxNesting": NESTING})
    markdown.enable(["table", "strikethrough", "linkify"])
    if markdown.linkify is not None:
        markdown.linkify.set({"fuzzy_link": False, "fuzzy_email": False})
    if blocks_only:
        markdown.core.ruler.enableOnly(["normalize", "block"])
    return markdown


def tree(tokens: list[Token]) -> list[Node]:
    """The blocks of the top level."""
    root: list[Node] = []
    open_nodes = [root]
    for token in tokens:
        if token.nesting < 0:
            open_nodes.pop()
            continue
        node = Node(token)
        open_nodes[-1].append(node)
        if token.nesting > 0:
            open_nodes.append(node.children)
    return root


def parseable(text: str) -> bool:
    """Whether the parser is quick with it."""
    return len(text) <= LIMIT and text.count("[") <= BRACKETS


class Renderer:
    """Draws Markdown for one width and palette."""

    codes: int
    """How many blocks of code have been drawn."""
    widths: list[int] | None
    """Of the columns of the table drawn last."""
    gave_up: bool
    """Whether a text was shown as written, because it would take the parser too long or is nested too deeply."""

    def __init__(self, palette: Palette, width: int) -> None:
        self.palette = palette
        self.width = max(NARROWEST, width)
        self.highlighter = Highlighter(palette)
        self._parser = parser()
        self.codes = 0
        self.widths: list[int] | None = None
        self.gave_up = False
        self._source: list[str] = []
        self._continued = Continued()
        self._draw: dict[str, Callable[[Node, int], list[Line]]] = {
            "heading_open": self._heading,
            "paragraph_open": self._paragraph,
            "fence": self._code,
            "code_block": self._code,
            "blockquote_open": self._quote,
            "bullet_list_open": self._list,
            "ordered_list_open": self._list,
            "table_open": self._table,
            "hr": self._rule,
        }

    def render(
        self, text: str, references: dict[str, Any] | None = None, continued: Continued | None = None
    ) -> list[Line]:
        """Lines of a harmless text. `references` are the link targets known; those in the text are added."""
        tokens = self._tokens(text, {} if references is None else references)
        if tokens is None:
            self.gave_up = True
            return plain(text, self.palette.text, self.width)
        self._source, self._continued = text.split("\n"), continued or Continued()
        self.codes = self._continued.codes
        lines: list[Line] = []
        for node in tree(tokens):
            drawn = self._block(node, self.width)
            lines += [Line(), *drawn] if lines and drawn else drawn
        return lines

    def _tokens(self, text: str, references: dict[str, Any]) -> list[Token] | None:
        if not parseable(text):
            return None
        tokens = self._parser.parse(text, {"references": references})
        if any(token.level >= NESTING - 2 for token in tokens):  # the parser drops deeper ones
            return None
        return tokens

    def _block(self, node: Node, width: int) -> list[Line]:
        draw = self._draw.get(node.token.type)
        return draw(node, width) if draw is not None else []

    def _inside(self, nodes: list[Node], width: int) -> list[Line]:
        """Blocks in a quote or an item, with a blank line between them where the source has one."""
        lines: list[Line] = []
        for node in nodes:
            drawn = self._block(node, width)
            lines += [Line(), *drawn] if lines and drawn and self._blank_before(node) else drawn
        return lines

    def _blank_before(self, node: Node) -> bool:
        first = node.token.map[0] if node.token.map else 0
        return first > 0 and _BLANK.match(self._source[first - 1]) is not None

    def _heading(self, node: Node, width: int) -> list[Line]:
        style = self.palette.heading
        if node.token.tag == "h1":
            style += Style(underline=True)
        elif node.token.tag not in ("h2", "h3"):
            style += ITALIC
        return self._text(node.children[0].token, width, style)

    def _paragraph(self, node: Node, width: int) -> list[Line]:
        lines = self.inline(node.children[0].token, self.palette.text)
        lines[0], self._continued.lead = [*self._continued.lead, *lines[0]], []
        return [line for spans in lines for line in wrapped(spans, width)]

    def _text(self, token: Token, width: int, style: Style) -> list[Line]:
        return [line for spans in self.inline(token, style) for line in wrapped(spans, width)]

    def _code(self, node: Node, width: int) -> list[Line]:
        token = node.token
        language = (token.info.split() or [""])[0]
        self.codes += 1
        code = token.content.removesuffix("\n")
        head = code_head(self.palette, language, self.codes - 1, width)
        return [head, *code_lines(self.highlighter, code, language, width)]

    def _quote(self, node: Node, width: int) -> list[Line]:
        bar = Segment("▎ ", self.palette.dim)
        if width - 2 < NARROWEST:
            return self._inside(node.children, width)
        return indented(self._inside(node.children, width - 2), bar, bar)

    def _list(self, node: Node, width: int) -> list[Line]:
        lines: list[Line] = []
        number = int(node.token.attrGet("start") or 1) if node.token.type == "ordered_list_open" else None
        for item in node.children:
            if lines and self._blank_before(item):
                lines.append(Line())
            lines += self._item(item, "•" if number is None else f"{number}.", width)
            number = None if number is None else number + 1
        return lines

    def _item(self, node: Node, mark: str, width: int) -> list[Line]:
        first = Segment(mark + " ", self.palette.dim)
        rest = Segment(" " * len(first.text))
        if width - len(first.text) < NARROWEST:
            return self._inside(node.children, width)
        drawn = self._inside(node.children, width - len(first.text)) or [Line()]
        lines = indented(drawn, first, rest)
        if not drawn[0].skip:  # a list's marks are text; the head of a block of code isn't
            lines[0].start = 0
        return lines

    def _table(self, node: Node, width: int) -> list[Line]:
        head, *body = [row for part in node.children for row in part.children]
        rows = [[self._joined(cell.children[0].token) for cell in row.children] for row in body]
        bold = BOLD + self.palette.heading
        names = [self._joined(cell.children[0].token, bold) for cell in head.children]
        align = [str(cell.token.attrGet("style") or "").rpartition(":")[2] for cell in head.children]
        cells = [names, *rows]
        self.widths = self._continued.widths or column_widths(cells, len(align), width)
        return table_lines(cells, self.widths, align, self.palette)

    def _joined(self, token: Token, style: Style | None = None) -> list[Segment]:
        return [span for spans in self.inline(token, style or self.palette.text) for span in spans]

    def _rule(self, node: Node, width: int) -> list[Line]:
        return [Line([Segment("─" * width, self.palette.faint)], skip=True)]

    def inline(self, token: Token, style: Style) -> list[list[Segment]]:
        """The styled text of each line between hard line ends."""
        lines: list[list[Segment]] = [[]]
        styles = [style]
        for child in token.children or []:
            if child.nesting > 0:
                styles.append(styles[-1] + self._opened(child))
            elif child.nesting < 0:
                styles.pop()
            elif child.type == "hardbreak":
                lines.append([])
            else:
                lines[-1] += self._leaf(child, styles[-1])
        return lines

    def _opened(self, token: Token) -> Style:
        match token.type:
            case "strong_open":
                return BOLD
            case "em_open":
                return ITALIC
            case "s_open":
                return STRUCK
            case "link_open":
                return self._link(str(token.attrGet("href") or ""))
        return Style.null()

    def _link(self, url: str) -> Style:
        """With the address for the terminal and for clicks, if it is of a kind that a browser opens."""
        if not url.startswith(SCHEMES) or len(url) > LONGEST_URL:
            return self.palette.link
        return self.palette.link + Style(link=url, meta={"do": ("link", url)})

    def _leaf(self, token: Token, style: Style) -> Iterator[Segment]:
        match token.type:
            case "softbreak":
                yield Segment(" ", style)
            case "code_inline":
                yield Segment(token.content, style + self.palette.code)
            case "image":
                yield Segment(f"▣ {token.content or 'image'}", style + self._link(str(token.attrGet("src") or "")))
            case _ if token.content:
                yield Segment(token.content.replace("\t", "    "), style)


def code_block(text: str, number: int) -> str:
    """The number-th block of code of a Markdown text, exactly; empty if there is none."""
    tokens = parser(blocks_only=True).parse(text)
    codes = [token.content for token in tokens if token.type in ("fence", "code_block")]
    return codes[number] if number < len(codes) else ""
