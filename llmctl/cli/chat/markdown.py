"""Markdown rendered as it streams.

Finished blocks are printed once and never touched again. Only the last block is drawn anew, in
place: lines that stay the same are left, the others rewritten in one synchronised update. What has
scrolled out of the window is never redrawn.
"""

from __future__ import annotations

import io
import re
import shutil
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

from llmctl.cli.streams import Streams, harmless

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions
    from rich.markdown import Markdown

WIDEST = 100
FRAME = 1 / 60
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
CODE_THEMES = {"terminal": "ansi_dark", "dark": "monokai", "light": "friendly"}
STYLES = {
    "terminal": {"markdown.code": "bold cyan", "markdown.code_block": "cyan"},
    "dark": {"markdown.code": "bold #a6e22e", "markdown.block_quote": "#c0a0ff"},
    "light": {
        "markdown.code": "bold #005f87",
        "markdown.block_quote": "#5f00af",
        "markdown.item.number": "#005f87",
    },
}
"""Theme -> styles of Rich that its own don't fit: those paint a black box behind code in a sentence."""

SYNC_ON, SYNC_OFF = "\x1b[?2026h", "\x1b[?2026l"


class MarkdownWriter:
    """A Writer for a terminal that shows colours."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._pending = ""  # source of the block that may still change
        self._live: list[str] = []  # its lines on the screen
        self._frozen = False  # whether a block is finished
        self._next_frame = 0.0
        self._drawn = True  # whether all of it is on the screen
        self._width = 0
        self._parser: Any = None
        self._theme = streams.settings.theme

    def write(self, text: str) -> None:
        self._pending += harmless(text)
        self._drawn = False
        now = time.monotonic()
        if now >= self._next_frame:
            self.flush()
            spent = time.monotonic() - now
            self._next_frame = now + max(FRAME, 4 * spent)  # never busy drawing for more than a fifth of the time

    def flush(self) -> None:
        if not self._drawn:
            self._drawn = True
            self._draw(final=False)

    def end(self) -> None:
        if self._pending.strip():
            self._draw(final=True)
        self._pending, self._live = "", []

    def _draw(self, final: bool) -> None:
        finished, rest = self._split()
        if final:
            finished, rest = [*finished, *([rest] if rest.strip() else [])], ""
        frame: list[str] = []
        for block in finished:
            frame += self._block(block, first=not (self._frozen or frame))
        frozen = len(frame)
        if rest.strip():
            frame += self._block(rest, first=not (self._frozen or frame))
        self._replace(frame)
        if finished:
            self._frozen = True
            self._pending = rest
            self._live = frame[frozen:]

    def _block(self, source: str, first: bool) -> list[str]:
        """The lines of one block, with a blank one above unless it is the first of all."""
        lines = render(source, self._columns(), self._theme)
        return lines if first else ["", *lines]

    def _split(self) -> tuple[list[str], str]:
        """(finished blocks, the rest): every top-level block but the last can't change any more."""
        if self._parser is None:
            self._parser = _parser()
        starts = sorted(
            {token.map[0] for token in self._parser.parse(self._pending) if token.level == 0 and token.map}
        )
        if len(starts) < 2:
            return [], self._pending
        lines = re.split(r"(?<=\n)", self._pending)
        edges = [0, *starts[1:]]
        blocks = ["".join(lines[a:b]) for a, b in pairwise(edges)]
        return blocks, "".join(lines[edges[-1] :])

    def _replace(self, frame: list[str]) -> None:
        """Make the lines on the screen those of the frame, touching as few as possible."""
        old = self._live
        rows = shutil.get_terminal_size().lines
        same = 0
        while same < min(len(old), len(frame)) and old[same] == frame[same]:
            same += 1
        same = max(same, len(old) - (rows - 1))  # lines above have scrolled away
        up = len(old) - same
        if up == 0 and same >= len(frame):
            return
        move = f"\x1b[{up}A\r\x1b[J" if up else ""
        body = "".join(f"{line}\n" for line in frame[same:])
        self._streams.out(f"{SYNC_ON}{move}{body}{SYNC_OFF}", end="")
        self._live = frame

    def _columns(self) -> int:
        columns = min(shutil.get_terminal_size().columns, WIDEST)
        if self._width and columns != self._width:
            self._live = []  # the terminal has wrapped what is there in its own way: draw below it
        self._width = columns
        return columns


def render(source: str, columns: int, theme: str = "") -> list[str]:
    """Markdown as lines with ANSI colours, without the spaces that Rich fills lines up with.

    What has nothing to show as Markdown, such as "3.", which is a list without text, is shown as it is.
    """
    console = _console(columns, theme)
    with console.capture() as capture:
        console.print(_document(source, CODE_THEMES.get(theme, "ansi_dark")))
    return _trimmed(capture.get().splitlines()) or source.strip().split("\n")


def _parser() -> Any:
    """HTML is text: Rich would leave it out, and with it the middle of "a<b and c>d"."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def _document(source: str, code_theme: str) -> Markdown:
    """Rich's Markdown, with headings at the left and not in boxes."""
    from rich.markdown import Heading, Markdown
    from rich.text import Text

    class PlainHeading(Heading):
        def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
            self.text.justify = "left"
            yield self.text

    class Document(Markdown):
        elements: ClassVar[dict[str, Any]] = {**Markdown.elements, "heading_open": PlainHeading}

    document = Document("", code_theme=code_theme, hyperlinks=False)
    document.markup, document.parsed = source, _parser().parse(source)
    return document


def _console(columns: int, theme: str) -> Console:
    from rich.console import Console
    from rich.theme import Theme

    return Console(
        file=io.StringIO(),
        force_terminal=True,
        width=columns,
        color_system="auto",
        legacy_windows=False,
        highlight=False,
        theme=Theme(STYLES.get(theme, STYLES["terminal"])),
    )


def _trimmed(lines: list[str]) -> list[str]:
    """Without blank lines at both ends, and without the spaces that fill a line up."""
    while lines and not _ANSI.sub("", lines[0]).strip():
        lines = lines[1:]
    while lines and not _ANSI.sub("", lines[-1]).strip():
        lines = lines[:-1]
    return [line.rstrip() for line in lines]
