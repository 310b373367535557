"""Small questions above the chat: a line of text, or yes and no."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.widgets import Input, Static

_CSS = """
LineDialog, ToolDialog { align: center middle; }
LineDialog > Vertical, ToolDialog > Vertical {
  width: 70; max-width: 100%; height: auto; max-height: 90%; padding: 1 2; background: $surface;
  border: round $primary;
}
LineDialog Static, ToolDialog Static { height: auto; }
LineDialog .hint, ToolDialog .hint { color: $text-muted; margin-top: 1; }
ToolDialog VerticalScroll { height: auto; max-height: 14; margin-top: 1; }
"""


class Field(Input):
    """A line whose cursor stands still: nothing runs while nothing happens."""

    cursor_blink = reactive(False, init=False)


class LineDialog(ModalScreen[str | None]):
    """Asks for a line; None when it was given up."""

    DEFAULT_CSS = _CSS
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel", id="dialog.cancel")]

    def __init__(self, title: str, value: str = "") -> None:
        super().__init__()
        self._title = title
        self._value = value

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self._title, markup=False)
            yield Field(self._value)
            yield Static("Enter takes it · Esc cancels", classes="hint")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())


class ToolDialog(ModalScreen[str]):
    """Asks whether a tool may run: yes, no, always, quit."""

    DEFAULT_CSS = _CSS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss('yes')", "Yes", id="tool.yes"),
        Binding("n,escape", "dismiss('no')", "No", id="tool.no"),
        Binding("a", "dismiss('always')", "Always this tool", id="tool.always"),
        Binding("q", "dismiss('quit')", "Stop the answer", id="tool.quit"),
    ]

    def __init__(self, name: str, source: str, arguments: str) -> None:
        super().__init__()
        self._name = name
        self._source = source
        self._arguments = arguments

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(f"Run {self._name}? ({self._source})", markup=False)
            with VerticalScroll():
                yield Static(self._arguments, markup=False)
            yield Static("y runs it · n does not · a always · q stops the answer", classes="hint")
