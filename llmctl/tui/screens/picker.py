"""Choosing a model among all profiles: type a part of its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.fuzzy import Matcher
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from llmctl.cli.streams import harmless
from llmctl.tui.desk import Choice, Desk
from llmctl.tui.screens.dialog import Field

MOST = 200
"""Rows that are listed; more are found by typing."""


class ModelPicker(ModalScreen[Choice | None]):
    """All models that are known, those used lately first. Lists that are missing are fetched meanwhile."""

    DEFAULT_CSS = """
    ModelPicker { align: center middle; }
    ModelPicker > Vertical {
      width: 80; max-width: 100%; height: 80%; padding: 1 2; background: $surface; border: round $primary;
    }
    ModelPicker OptionList, ModelPicker OptionList:focus { border: none; }  /* a click would move the lines */
    ModelPicker OptionList { height: 1fr; background: $surface; }
    ModelPicker .hint { height: auto; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", id="picker.cancel"),
        Binding("down", "move(1)", "Next", show=False, id="picker.next"),
        Binding("up", "move(-1)", "Before", show=False, id="picker.previous"),
        Binding("pagedown", "move(10)", "Page down", show=False, id="picker.page_down"),
        Binding("pageup", "move(-10)", "Page up", show=False, id="picker.page_up"),
    ]
    HELP = (
        "Type a part of a profile's or model's name; Enter takes the marked one, Esc leaves everything as it is."
    )

    def __init__(self, desk: Desk, recent: Sequence[Choice], title: str = "Ask which model?") -> None:
        super().__init__()
        self._desk = desk
        self._recent = recent
        self._title = title
        self._choices: list[Choice] = []
        self._shown: list[Choice] = []

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self._title, markup=False)
            yield Field(placeholder="part of a name")
            yield OptionList()
            yield Static("", classes="hint")

    def on_mount(self) -> None:
        self._collect()
        for profile in self._desk.profiles():
            if not self._desk.has_list(profile):
                self.run_worker(self._fetch(profile), group="lists", exit_on_error=False)

    async def _fetch(self, profile: str) -> None:
        if await self._desk.refresh_list(profile):
            self._collect()

    def _collect(self) -> None:
        """List all again; the marked one stays marked."""
        known = [*self._recent, *self._desk.choices()]
        self._choices = list({(each.label, each.alias): each for each in known}.values())
        at = self.query_one(OptionList).highlighted
        marked = self._shown[at] if at and at < len(self._shown) else None
        self._list(self.query_one(Input).value)
        if marked in self._shown:
            self.query_one(OptionList).highlighted = self._shown.index(marked)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._list(event.value)

    def _list(self, typed: str) -> None:
        """Show what matches, the best first."""
        matcher = Matcher(typed)
        scored = [(matcher.match(_name(each)) if typed else 1.0, each) for each in self._choices]
        found = sorted((pair for pair in scored if pair[0] > 0), key=lambda pair: -pair[0])
        self._shown = [each for _, each in found[:MOST]]
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Option(self._row(each)) for each in self._shown])
        options.highlighted = 0 if self._shown else None
        more = f"{len(found) - MOST} more: type on. " if len(found) > MOST else ""
        nothing = "" if found else f"Nothing matches; Enter takes {typed!r} as a model of the profile in use. "
        self.query_one(".hint", Static).update(Text(f"{more}{nothing}Enter takes one · Esc cancels"))

    def _row(self, choice: Choice) -> Text:
        row = Text(no_wrap=True, overflow="ellipsis")
        row.append("● " if choice.label == self._desk.choice.label else "  ", style="bold")
        row.append(f"{harmless(choice.profile)}", style="bold").append(
            f"/{harmless(choice.model)}" if choice.model else " (the only model)"
        )
        return row.append(f"  {choice.alias}", style="dim") if choice.alias else row

    def action_move(self, step: int) -> None:
        options = self.query_one(OptionList)
        if self._shown:
            options.highlighted = min(max((options.highlighted or 0) + step, 0), len(self._shown) - 1)

    @on(Input.Submitted)
    def _taken(self, event: Input.Submitted) -> None:
        at = self.query_one(OptionList).highlighted
        if at is not None and self._shown:
            self.dismiss(self._shown[at])
        elif event.value.strip():
            self.dismiss(self._desk.named(event.value.strip()))

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._shown[event.option_index])


def _name(choice: Choice) -> str:
    return f"{choice.label} {choice.alias}"
