"""An app with nothing but a prompt, which notes what it is told; the other tests of the prompt use it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Static, TextArea

from llmctl.core.media import Attachment
from llmctl.tui.prompt import Draft, Prompt


class Desk(App[None]):
    """`seen` holds all messages but those of the kind Changed, which are in `saved`."""

    CSS = "Static#above { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "note('escape')"),
        ("ctrl+c", "note('ctrl+c')"),
        ("ctrl+d", "note('ctrl+d')"),
    ]

    def __init__(self, given: dict[str, Any]) -> None:
        super().__init__()
        self.given = given
        self.seen: list[Message | str] = []
        self.saved: list[Draft] = []

    def compose(self) -> ComposeResult:
        yield Static("above", id="above")
        prompt = Prompt(**self.given)
        prompt.save_delay = 0
        yield prompt

    @property
    def prompt(self) -> Prompt:
        return self.query_one(Prompt)

    @property
    def editor(self) -> TextArea:
        return self.query_one(TextArea)

    @property
    def shown(self) -> list[str]:
        """The values in the list of suggestions."""
        found = self.query_one("Suggestions")
        return [item.value for item in found.found] if found.display else []  # type: ignore[attr-defined]

    def region(self, name: str) -> Region:
        return self.query_one(name).region

    def note(self, message: Message) -> None:
        self.seen.append(message)

    on_prompt_submitted = on_prompt_queued = on_prompt_command = on_prompt_problem = note

    def on_prompt_changed(self, message: Prompt.Changed) -> None:
        self.saved.append(message.draft)

    def action_note(self, what: str) -> None:
        self.seen.append(what)


class Typist:
    """Types, pastes and looks."""

    def __init__(self, app: Desk, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    async def keys(self, *keys: str) -> None:
        """Press keys faster than they can be handled."""
        for key in keys:
            self.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await self.pilot.pause()

    async def types(self, text: str) -> None:
        """Type, and wait for what is found in threads."""
        await self.keys(*text)
        await self.app.workers.wait_for_complete()
        await self.pilot.pause()

    async def pastes(self, text: str) -> None:
        self.app.post_message(events.Paste(text))
        await self.pilot.pause()

    async def put(self, text: str, cursor: tuple[int, int] = (0, 0), files: tuple[Attachment, ...] = ()) -> None:
        self.app.prompt.draft = Draft(text, cursor, files)
        await self.pilot.pause()

    @property
    def text(self) -> str:
        return self.app.prompt.draft.text

    @property
    def files(self) -> list[str]:
        return [item.name for item in self.app.prompt.draft.files]


def at_desk(
    body: Callable[[Desk, Typist], Awaitable[None]],
    size: tuple[int, int] = (80, 24),
    kind: type[Desk] = Desk,
    **given: Any,
) -> None:
    """Run the body with a prompt that was given these arguments."""

    async def main() -> None:
        app = kind(given)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await body(app, Typist(app, pilot))

    asyncio.run(main())


def test_the_prompt_has_the_focus_and_takes_three_lines() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        assert app.focused is app.editor
        assert app.region("Prompt") == Region(0, 21, 80, 3)
        assert not app.seen
        assert not app.editor.cursor_blink

    at_desk(body)
