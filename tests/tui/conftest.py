"""The chat at the scripted upstream, in folders of its own, and somebody who uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from textual import events
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget

from llmctl.cli.history import keeps_history, store_to_change
from llmctl.cli.settings import Settings
from llmctl.cli.streams import Streams
from llmctl.store.messages import Message
from llmctl.store.store import Store, store_file
from llmctl.tui.app import ChatApp
from llmctl.tui.archive import Archive
from llmctl.tui.command import _start
from llmctl.tui.desk import Desk
from llmctl.tui.options import TuiOptions
from llmctl.tui.screens.chat import ChatScreen
from llmctl.tui.screens.picker import ModelPicker
from llmctl.tui.transcript import Entry, TextPart
from llmctl.tui.voice import ScreenStreams
from support.leaks import SECOND_KEY, TEST_KEY, recorder
from support.replies import Gate, Reply, Step
from support.upstream import Upstream
from support.wire import Json, models, text_stream, usage

T = TypeVar("T", bound=Widget)
ROUNDS = 600
"""How often a condition is looked at before the test fails; each time everything that is due has happened."""
PRICES = '[prices."{name}"]\ninput = 10.0\noutput = 20.0\n'


def answer(*pieces: str, prompt: int = 5, completion: int = 2) -> Reply:
    """A whole streamed answer."""
    return Reply.sse(*text_stream(*pieces, usage=usage(prompt, completion)))


def held(gate: Gate, *before: str, after: tuple[str, ...] = (" end",)) -> Reply:
    """An answer that stops at a gate after its first pieces."""
    first: list[Json | Step] = [*text_stream(*before, finish=None), gate]
    return Reply.sse(*first, *text_stream(*after, usage=usage())[1:])


class Chats:
    """A home with two profiles, work and other, both at the upstream. Makes chats, and looks at what they keep."""

    def __init__(self, folder: Path, upstream: Upstream) -> None:
        self.upstream = upstream
        self.home = folder / "home"
        self.files = folder / "files"
        self.data = self.home / "data"
        self.env = {
            "LLMCTL_CONFIG": str(self.home / "config.toml"),
            "LLMCTL_DATA": str(self.data),
            "LLMCTL_CACHE": str(self.home / "cache"),
            "LLMCTL_STATE": str(self.home / "state"),
            "WORK_KEY": TEST_KEY,
            "OTHER_KEY": SECOND_KEY,
        }
        upstream.route("/v1/models", Reply(body=models("small", "large")))
        self.home.mkdir()
        self.files.mkdir()
        self.configure()

    def configure(self, more: str = "", url: str | None = None, other: bool = True, head: str = "") -> None:
        """Write the config; `more` are further tables."""
        text = f'{head}current = "work"\n' + self._profile("work", url or self.upstream.url, "test-model")
        if other:
            text += self._profile("other", self.upstream.url, "other-model")
        path = self.home / "config.toml"
        path.write_text(f"{text}\n{PRICES.format(name='work/test-model')}\n{more}\n", encoding="utf-8")
        path.chmod(0o600)

    def _profile(self, name: str, url: str, model: str) -> str:
        return (
            f'[profiles.{name}]\nbase_url = "{url}/v1"\nkey = "env:{name.upper()}_KEY"\n'
            f'model = "{model}"\nretries = 0\n'
        )

    def app(self, settings: Settings | None = None, **options: Any) -> ChatApp:
        """A chat as `llmctl tui` makes it."""
        chosen = TuiOptions(**options)
        streams = Streams(self.env, settings or Settings())
        voice = ScreenStreams(streams)
        desk = Desk(chosen, voice)
        keeps = keeps_history(desk.session.config, streams)
        archive = Archive(lambda: store_to_change(streams) if keeps else None)
        return ChatApp(desk, archive, _start(chosen, archive))

    def run(
        self,
        body: Callable[[Person], Awaitable[None]],
        size: tuple[int, int] = (120, 36),
        settings: Settings | None = None,
        **options: Any,
    ) -> ChatApp:
        """Run the body with somebody at a chat, and leave it."""
        app = self.app(settings, **options)

        async def main() -> None:
            async with app.run_test(size=size) as pilot:
                person = Person(app, pilot, self.upstream)
                await person.ready()
                await body(person)
                if app.is_running:
                    await app.action_quit()

        asyncio.run(main())
        recorder.add_folder("chat", self.home)
        assert not app.return_code
        return app

    def store(self) -> Store:
        """What is kept; to be closed."""
        return Store(store_file(self.env))

    def kept(self) -> list[Message]:
        """The branch in view of the conversation used last."""
        with self.store() as store:
            last = store.conversations.last()
            return store.messages.path(last.head) if last else []

    def said(self) -> list[tuple[str, str, str]]:
        """(role, text, state) of that branch."""
        return [(message.role, message.text, message.state) for message in self.kept()]

    @property
    def asked(self) -> list[Any]:
        """The bodies of all chat requests."""
        return [each.json() for each in self.upstream.requests if each.path == "/v1/chat/completions"]


class Person:
    """Presses keys, clicks, waits and looks."""

    def __init__(self, app: ChatApp, pilot: Pilot[None], upstream: Upstream) -> None:
        self.app = app
        self.pilot = pilot
        self.upstream = upstream

    @property
    def chat(self) -> ChatScreen:
        return self.app.chat

    # Doing

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def types(self, text: str) -> None:
        """Type into what has the focus."""
        for character in text:
            self.app.post_message(events.Key("enter" if character == "\n" else character, character))
        await self.pilot.pause()

    async def sends(self, text: str) -> None:
        """Type a line and press Enter, without waiting for what comes of it."""
        self.chat.prompt.focus()
        await self.pilot.pause()
        await self.types(text)
        await self.pilot.press("enter")

    async def asks(self, text: str) -> None:
        """Ask, or give a command, and wait until it is done."""
        await self.sends(text)
        await self.idle()

    async def does(self, *keys: str) -> None:
        """Press keys and wait until what they do is done."""
        await self.pilot.press(*keys)
        await self.idle()

    async def clicks(self, text: str) -> None:
        """Click on the first place where this is seen."""
        lines = self.screen.splitlines()
        row = next(row for row, line in enumerate(lines) if text in line)
        await self.pilot.click(offset=(lines[row].index(text), row))

    async def asks_deed(self, name: str) -> None:
        """What the palette does with one of its lines."""
        self.chat.action_deed(name)
        await self.idle()

    async def picks(self, typed: str) -> None:
        """Choose a model in the picker."""
        await self.press("f3")
        await self.opened(ModelPicker)
        await self.types(typed)
        await self.press("enter")
        await self.closed()
        await self.idle()

    # Waiting

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until something is so."""
        for _ in range(ROUNDS):
            if holds():
                return
            await self.pilot.pause()
        raise AssertionError(f"never came: {self.texts}, {self.notices}\n{self.screen}")

    async def idle(self) -> None:
        """Wait until nothing is being done."""
        await self.until(lambda: not self.chat.asker.busy and not self._working())
        await self.pilot.pause()

    async def ready(self) -> None:
        """Wait for what is done at the start."""
        await self.until(lambda: self.chat.prompt.is_attached and not self._working("start"))

    async def reached(self, gate: Gate, shown: str = "") -> None:
        """Wait until the upstream stands at a gate, and what came before it is shown."""
        await self.until(gate._reached.is_set)
        await self.until(lambda: shown in self.last and self.chat.asker.busy)

    async def saved(self) -> None:
        """Wait until what is typed is kept."""
        await self.until(lambda: not self.chat.prompt._unsaved)
        await self.app.archive.run(lambda store: None)

    def _working(self, group: str = "deeds") -> bool:
        return any(worker.group == group and not worker.is_finished for worker in self.app.workers)

    async def opened(self, kind: type[Screen[Any]]) -> Any:
        """Wait until such a window is on top; it."""
        await self.until(lambda: isinstance(self.app.screen, kind) and self.app.screen.is_mounted)
        await self.pilot.pause()
        return self.app.screen

    async def closed(self) -> None:
        """Wait until no window is open."""
        await self.until(lambda: self.app.screen is self.chat)
        await self.pilot.pause()

    # Looking

    @property
    def entries(self) -> list[Entry]:
        return list(self.chat.transcript.entries)

    @property
    def texts(self) -> list[tuple[str, str]]:
        """(role, text) of all that the transcript shows."""
        return [(entry.role, text_of(entry)) for entry in self.entries]

    @property
    def last(self) -> str:
        """The text of the last entry."""
        return text_of(self.entries[-1]) if self.entries else ""

    @property
    def screen(self) -> str:
        """All that is seen."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    @property
    def notices(self) -> list[str]:
        return [notice.message for notice in self.app._notifications]

    @property
    def typed(self) -> str:
        return self.chat.prompt.draft.text

    @property
    def titles(self) -> list[str]:
        """The conversations at the side, as they are listed."""
        sidebar = self.chat.query_one("#sidebar")
        return [str(option.prompt) for option in sidebar.options if option.id]  # type: ignore[attr-defined]

    @property
    def model(self) -> str:
        return self.app.desk.choice.label


def text_of(entry: Entry) -> str:
    return "\n".join(part.text for part in entry.parts if isinstance(part, TextPart))


@pytest.fixture
def chats(tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> Chats:
    home = Chats(tmp_path, upstream)
    monkeypatch.chdir(home.files)
    return home
