"""System prompt and parameters of the conversation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from llmctl.cli.chat.question import check_reserved
from llmctl.core.params import parse_options, typed
from llmctl.errors import LlmctlError, UsageError

Settled = tuple[str, dict[str, Any]]


class SettingsScreen(ModalScreen[Settled | None]):
    """Both to be edited; None when nothing shall change."""

    DEFAULT_CSS = """
    SettingsScreen { align: center middle; }
    SettingsScreen > Vertical {
      width: 80; max-width: 100%; height: 22; max-height: 100%; padding: 1 2; background: $surface;
      border: round $primary;
    }
    SettingsScreen TextArea { height: 2fr; min-height: 3; }
    SettingsScreen #params { height: 1fr; min-height: 3; }
    SettingsScreen .hint { height: auto; color: $text-muted; }
    SettingsScreen #problem { height: auto; color: $text-error; display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "keep", "Keep", id="settings.keep"),
        Binding("escape", "dismiss(None)", "Cancel", id="settings.cancel"),
    ]
    HELP = "The system prompt, and request parameters, one KEY=VALUE a line. Ctrl+S keeps them, Esc gives them up."

    def __init__(self, system: str, params: Mapping[str, Any]) -> None:
        super().__init__()
        self._system = system
        self._params = params

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static("System prompt")
            yield TextArea(self._system, id="system", tab_behavior="focus", highlight_cursor_line=False)
            yield Static("Parameters, one KEY=VALUE a line")
            yield TextArea(written(self._params), id="params", tab_behavior="focus", highlight_cursor_line=False)
            yield Static("", id="problem", markup=False)
            yield Static("Ctrl+S keeps them · Tab changes the field · Esc cancels", classes="hint")

    def on_mount(self) -> None:
        for area in self.query(TextArea):
            area.cursor_blink = False

    def action_keep(self) -> None:
        lines = self.query_one("#params", TextArea).text.split("\n")
        try:
            params = read([line for line in lines if line.strip()])
        except LlmctlError as error:
            problem = self.query_one("#problem", Static)
            problem.update(error.message)
            problem.display = True
            return
        self.dismiss((self.query_one("#system", TextArea).text.strip(), params))


def written(params: Mapping[str, Any]) -> str:
    """Parameters, one a line; read again, they are the same."""
    import json

    def text(value: Any) -> str:
        plain = isinstance(value, str) and value.isprintable() and typed(value) == value
        return value if plain else json.dumps(value, ensure_ascii=False)

    return "\n".join(f"{name}={text(value)}" for name, value in params.items())


def read(lines: list[str]) -> dict[str, Any]:
    """Parameters from lines of KEY=VALUE. Raises UsageError."""
    params = parse_options(lines)
    check_reserved(params)
    if "n" in params:
        raise UsageError("a conversation has one answer at a time; /retry asks for another")
    return params
