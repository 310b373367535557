"""Text above the chat, to read and scroll: help, and what went over the wire."""

from __future__ import annotations

from typing import ClassVar

from rich.console import RenderableType
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

SHORT = 10
"""Lines of a text that needs no large window."""


class TextScreen(ModalScreen[None]):
    """A title and a text."""

    DEFAULT_CSS = """
    TextScreen { align: center middle; }
    TextScreen > Vertical {
      width: 100; max-width: 100%; height: 90%; padding: 1 2; background: $surface; border: round $primary;
    }
    TextScreen .title { height: 1; text-style: bold; margin-bottom: 1; }
    TextScreen VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; }
    TextScreen VerticalScroll > Static { height: auto; }
    TextScreen.short > Vertical { width: 60; height: auto; max-height: 90%; }
    TextScreen.short VerticalScroll { height: auto; max-height: 14; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f1", "dismiss(None)", "Close", id="text.close"),
    ]
    HELP = "Arrows, Page Up and Page Down scroll; Esc closes it."

    def __init__(self, title: str, text: RenderableType) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self.set_class(isinstance(text, str) and text.count("\n") < SHORT, "short")

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(f"{self._title}  (Esc closes)", classes="title", markup=False)
            with VerticalScroll():
                yield Static(self._text, markup=False)

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
