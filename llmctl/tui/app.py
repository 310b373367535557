"""The app: themes, keys, the terminal, and what lives as long as the program."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import Monochrome, NoColor
from textual.screen import Screen

from llmctl.cli.clipboard import copy
from llmctl.cli.editor import edit_text
from llmctl.config.paths import working_folder
from llmctl.core.suggest import did_you_mean
from llmctl.errors import LlmctlError
from llmctl.tui import deeds
from llmctl.tui.keynames import key_name
from llmctl.tui.palette import SearchProvider
from llmctl.tui.screens.chat import ChatScreen
from llmctl.tui.screens.compare import CompareScreen
from llmctl.tui.screens.settings import read

if TYPE_CHECKING:
    from llmctl.tui.archive import Archive
    from llmctl.tui.asking import Asker
    from llmctl.tui.desk import Desk

THEMES = {"terminal": "ansi-dark", "dark": "textual-dark", "light": "textual-light"}
"""The words of --theme, and what Textual calls them. Any other theme of Textual's can be chosen in the palette."""
NOTICE_SECONDS = 6


class ChatApp(App[None]):
    """`start` is the id of the conversation to open, "" for a new one."""

    TITLE = "llmctl"
    ENABLE_COMMAND_PALETTE = True
    COMMANDS = App.COMMANDS | {SearchProvider}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", id="app.quit", show=False, priority=True),
        Binding("ctrl+c", "copy_or_hint", "Copy what is selected", id="app.copy", show=False),
    ]
    CSS_PATH = "screens/chat.tcss"  # the default screen's own would not be read
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (60, "-roomy")]  # noqa: RUF012 - as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-high")]  # noqa: RUF012

    def __init__(self, desk: Desk, archive: Archive, start: str = "") -> None:
        super().__init__()
        self.desk = desk
        self.archive = archive
        self.start = start
        self.folder: Path = working_folder()
        self.params: Mapping[str, Any] = read(desk.options.option or [])
        self.mouse_on = desk.ui.mouse and not desk.options.no_mouse
        self.left_behind = ""
        self._ending = False
        self._ui = desk.ui
        self._tools_end = asyncio.Event()
        self._chat = ChatScreen(self)
        self._obey_no_color()

    @property
    def chat(self) -> ChatScreen:
        return self._chat

    @property
    def reduced_motion(self) -> bool:
        """Whether little shall move: text is drawn a few times a second."""
        return self._ui.reduced_motion or self.animation_level == "none"

    def get_default_screen(self) -> Screen[None]:
        return self._chat

    def on_mount(self) -> None:
        self.theme = self._first_theme()
        if self.reduced_motion:
            self.animation_level = "none"
        self.set_keymap(dict(self._ui.keys))
        self._check_keys()
        self.desk.streams.attach(self._notice)
        self._chat.asker.say_problem()

    def _obey_no_color(self) -> None:
        """No colours with NO_COLOR and --color never; Textual alone would still send greys."""
        streams = self.desk.streams
        color = streams.settings.color
        self.no_color = color == "never" or (color == "auto" and bool(streams.env.get("NO_COLOR")))
        self._filters = [each for each in self._filters if not isinstance(each, Monochrome | NoColor)]
        if self.no_color:
            self._filters.append(NoColor())

    def _check_keys(self) -> None:
        """Say which ids of [tui.keys] are no key's."""
        if not self._ui.keys:
            return
        from llmctl.tui.bindings import binding_ids

        known = binding_ids()
        for name in self._ui.keys:
            if name not in known:
                hint = did_you_mean(name, known) or "`llmctl help tui` lists them"
                self.desk.streams.warn(f"[tui.keys]: no key is called {name!r}; {hint}")

    def _first_theme(self) -> str:
        """The theme of --theme, else of [tui], else dark. Without colours, only the terminal's will do."""
        if self.no_color:
            return THEMES["terminal"]
        wanted = self.desk.session.streams.settings.theme or self._ui.theme or "dark"
        name = THEMES.get(wanted, wanted)
        if name not in self.available_themes:
            self.desk.streams.warn(f"there is no theme {wanted!r}; the palette (Ctrl+P) lists them")
            return THEMES["dark"]
        return name

    def _notice(self, text: str, severity: str) -> None:
        if text:
            kind = "warning" if severity == "warning" else "error" if severity == "error" else "information"
            self.notify(text, severity=kind, timeout=NOTICE_SECONDS, markup=False)  # type: ignore[arg-type]

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """What the palette lists: everything that can be done, and Textual's themes."""
        chat = self._chat
        for deed in deeds.DEEDS.values():
            key = self.key_of(f"chat.{deed.name}", deed.key)
            key = f" ({key_name(key)})" if key else ""
            yield SystemCommand(deed.title, f"{deed.about}{key}", lambda deed=deed: chat.work(deed.run(chat, "")))
        yield SystemCommand("Theme", "Choose another theme", self.action_change_theme)

    def key_of(self, name: str, key: str) -> str:
        """The key of a binding, as [tui.keys] may have changed it."""
        return self._keymap.get(name, key).partition(",")[0]

    # Clipboard and editor

    def copy_to_clipboard(self, text: str) -> None:
        """By the platform's program, else by the terminal (OSC 52)."""
        self._clipboard = text
        if copy(text, self.desk.session.streams) is None:
            super().copy_to_clipboard(text)

    def action_copy_or_hint(self) -> None:
        """Ctrl+C: copy the selection; without one, say how to leave."""
        if text := self.screen.get_selected_text():
            self.copy_to_clipboard(text)
            self.screen.clear_selection()
            self.notify(f"copied {len(text)} characters", timeout=2)
        else:
            self.notify("Ctrl+Q leaves, Esc stops an answer", timeout=3)

    def edit_text(self, text: str) -> str | None:
        """The text as the user's editor leaves it; None where nothing changed. Raises NoEditor."""
        return edit_text(text, self.desk.streams)

    # Tools and the end

    async def hold_tools(self, asker: Asker) -> None:
        """Start MCP servers, and keep them for as long as the app lives."""
        toolbox = self.desk.toolbox
        try:
            async with toolbox.opened() as tools:
                asker.tools = tools
                if toolbox.servers:
                    await self._tools_end.wait()
        except LlmctlError as error:
            self.desk.streams.error(error.message, error.hint)

    def toggle_mouse(self) -> None:
        """Hand the mouse back to the terminal, or take it again."""
        self.mouse_on = not self.mouse_on
        driver = self._driver
        if driver:
            switch = getattr(driver, "_enable_mouse_support" if self.mouse_on else "_disable_mouse_support", None)
            if switch:
                switch()
        self._chat.show_status()

    async def action_quit(self) -> None:
        """Stop what runs, keep what there is, leave."""
        if self._ending:
            return
        self._ending = True
        chat = self._chat
        comparing = [screen for screen in self.screen_stack if isinstance(screen, CompareScreen)]
        answers: list[Asker | CompareScreen] = [chat.asker, *comparing]
        for answer in answers:
            answer.stop()
        while any(answer.busy for answer in answers):
            await asyncio.sleep(0.01)
        await chat.save_draft(whole=True)
        self._tools_end.set()
        if self.desk.options.print_on_exit or self._ui.print_on_exit:
            self.left_behind = deeds.as_markdown(chat)
        await self.desk.close()
        await self.archive.close()
        self.exit()
