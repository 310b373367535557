"""The files of the draft, in a few lines above the editor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.style import Style
from textual.widget import Widget

from llmctl.cli.streams import harmless
from llmctl.core.media import TEXT, Attachment
from llmctl.tui.prompt.paste import line_count
from llmctl.tui.prompt.suggestions import shortened

MOST_ROWS = 3
CLOSE = " ✕"
GAP = 2


class Chips(Widget):
    """One chip for each file; a click on its ✕ removes it."""

    DEFAULT_CSS = """
    Chips { height: auto; padding: 0 1; color: $text-accent; }
    """

    files: reactive[tuple[Attachment, ...]] = reactive((), layout=True, init=False)

    @dataclass
    class Changed(Message):
        """Other files go along now."""

    def add(self, item: Attachment) -> None:
        """Add a file, in the place of one of the same name."""
        self.files = (*(file for file in self.files if file.name != item.name), item)

    def drop(self, index: int) -> bool:
        """Remove a file by its number, from the end when negative; whether there are any."""
        files = list(self.files)
        if files:
            del files[index]
            self.files = tuple(files)
            return True
        return False

    def on_mount(self) -> None:
        self.display = bool(self.files)

    def watch_files(self) -> None:
        self.display = bool(self.files)
        self.post_message(self.Changed())

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._rows(width))

    def render(self) -> Content:
        return Content("\n").join(self._rows(self.content_size.width))

    def on_click(self, event: Click) -> None:
        index = event.style.meta.get("chip")
        if index is not None:
            event.stop()
            self.drop(index)

    def _rows(self, width: int) -> list[Content]:
        """The chips in lines of this width; the last line says how many don't fit."""
        labels = [chip_label(item, width - cell_len(CLOSE)) for item in self.files]
        rows = packed([cell_len(label + CLOSE) for label in labels], width)
        shown = rows if len(rows) <= MOST_ROWS else rows[: MOST_ROWS - 1]
        gap = Content(" " * GAP)
        lines = [gap.join(_chip(index, labels[index]) for index in row) for row in shown]
        hidden = len(labels) - sum(map(len, shown))
        return [*lines, Content(f"and {hidden} more")] if hidden else lines


def _chip(index: int, label: str) -> Content:
    return Content.assemble(label, (CLOSE, Style(bold=True) + Style.from_meta({"chip": index})))


def chip_label(item: Attachment, width: int) -> str:
    """The file's name and size in at most so many cells."""
    name, size = harmless(item.name.replace("\n", " ")), f" · {size_of(item)}"
    return f"▣ {shortened(name, max(4, width - cell_len(size) - 2))}{size}"


def size_of(item: Attachment) -> str:
    """In lines for texts, else in bytes."""
    if item.kind == TEXT:
        lines = line_count(item.data)
        return f"{lines:,} line{'s' if lines > 1 else ''}"
    size = len(item.data)
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, size // 1000)} kB"


def packed(widths: Sequence[int], width: int) -> list[list[int]]:
    """Numbers of chips, line by line."""
    rows: list[list[int]] = []
    left = 0
    for index, needed in enumerate(widths):
        if not rows or needed > left:
            rows.append([])
            left = width
        rows[-1].append(index)
        left -= needed + GAP
    return rows
