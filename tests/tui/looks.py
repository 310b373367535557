"""A chat app with conversations that look the same on every day and machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from textual.pilot import Pilot

from llmctl.cli.settings import Settings
from llmctl.cli.streams import Streams
from llmctl.core.media import Attachment
from llmctl.store.ledger import Request
from llmctl.store.messages import BROKEN, STOPPED, Message
from llmctl.store.store import Store, store_file
from llmctl.tui.app import ChatApp
from llmctl.tui.archive import Archive
from llmctl.tui.desk import Desk
from llmctl.tui.options import TuiOptions
from llmctl.tui.voice import ScreenStreams

CONFIG = """
[profiles.groq]
provider = "groq"
model = "openai/gpt-oss-120b"

[profiles.local]
provider = "ollama"
model = "qwen3:8b"

[aliases]
fast = "groq/llama-3.1-8b-instant"
"""
MARKDOWN = """## A little of everything

Some **bold**, some *italic*, some `code`, and [a link](https://example.com).

1. first
2. second
   - with a point of its own

> A quotation, for good measure.

| model | what it does |
|---|---|
| `demo` | answers at once |
| `demo-slow` | takes its time |

```python
def greet(name: str) -> str:
    return f"Hello, {name}!"
```"""
THOUGHTS = (
    "A library, then. The user wants the opening hours, and a tool knows them. I ask it, and say what it says."
)
DAY = datetime(2019, 3, 4, 12).timestamp()
"""Noon wherever this runs; far enough in the past to be shown as a date."""
TODAY = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
"""What is dated later than now counts as today's."""


class Filler:
    """Writes one conversation, message below message; `id` is the same every time."""

    def __init__(self, store: Store, id: str, title: str, updated: float, **more: object) -> None:
        self.store = store
        self.id, self.updated, self.last = id, updated, 0
        times = {"created": updated, "updated": updated}
        store.conversations.begin("demo", "demo", id=id, title=title, titled=True, **times, **more)

    def add(
        self,
        role: str,
        text: str,
        parent: int | None = None,
        files: Sequence[Attachment] = (),
        state: str = "complete",
        **extra: object,
    ) -> int:
        """Below `parent`, or below what was added last."""
        message = Message(role, text, extra, state, "demo", "demo", self.updated)
        self.last = self.store.messages.add(self.id, parent or self.last or None, message, files)
        return self.last

    def answer(self, text: str, parent: int | None = None, **extra: object) -> int:
        """With a request that took a known time and cost."""
        self.add("assistant", text, parent, **extra)  # type: ignore[arg-type]
        self.store.ledger.add(
            Request(
                self.updated, "tui", "demo", "demo", "http://demo", "demo", "demo", http_status=200,
                prompt_tokens=24, completion_tokens=96, cost=0.0012, cost_by="config", first_token_ms=210.0,
                total_ms=1410.0, request_id="req-1", conversation=self.id, message=self.last,
            )
        )  # fmt: skip
        return self.last


TALK, RICH, CUT = "a" * 16, "b" * 16, "c" * 16


def fill(store: Store) -> None:
    """Conversations with everything that can be shown."""
    old = Filler(store, "d" * 16, "A title so long that no list of conversations has the room for all of it", DAY)
    old.add("user", "Hello?")
    old.answer("Hello.")
    pinned = Filler(store, "e" * 16, "Recipes to keep", DAY, pinned=True)
    pinned.add("user", "How long does rice take?")
    pinned.answer("About 18 minutes.")
    _cut(Filler(store, CUT, "日本語の会話 and an answer that was cut", DAY + 2 * 86400))
    _rich(Filler(store, RICH, "Tools, files, thoughts", DAY + 86400 * 40))
    talk = Filler(store, TALK, "A little of everything", TODAY, system="Be brief.", params={"temperature": 0.2})
    question = talk.add("user", "Show me some Markdown, please.\nAll of it.")
    talk.answer("Which kind of Markdown?", question)
    talk.answer(MARKDOWN, question)


def _rich(talk: Filler) -> None:
    files = [Attachment("plan.png", "image/png", b"x" * 34_000), Attachment("notes.txt", "text/plain", b"a\nb\n")]
    talk.add("user", "When does the library open?", files=files)
    call = {"name": "opening_hours", "arguments": '{"place": "library", "day": "Monday"}'}
    calls = [{"id": "call-1", "type": "function", "function": call}]
    talk.answer("", reasoning=THOUGHTS, tool_calls=calls)
    talk.add("tool", '{"opens": "09:00", "closes": "18:00"}', tool_call_id="call-1")
    talk.answer("On Monday, the library opens at **9 o'clock** and closes at 18.")


def _cut(talk: Filler) -> None:
    talk.add("user", "Count to ten.")
    talk.answer("One, two, three,", state=STOPPED)
    talk.add("user", "And again, please; 日本語でも数えてください。")
    talk.answer("One, 二, ", state=BROKEN)


def _keep_lists(cache: Path) -> None:
    """The picker need not ask anybody for a list of models."""
    from hashlib import sha256

    lists = {
        "groq": ("https://api.groq.com/openai/v1", ["openai/gpt-oss-120b", "llama-3.1-8b-instant"]),
        "local": ("http://localhost:11434/v1", ["qwen3:8b"]),
        "demo": ("http://demo.invalid/v1", []),
    }
    (cache / "models").mkdir(parents=True)
    for profile, (url, names) in lists.items():
        data = {"base_url": url, "time": DAY, "models": [{"id": name} for name in names]}
        path = cache / "models" / f"{sha256(profile.encode()).hexdigest()[:16]}.json"
        path.write_text(json.dumps(data), encoding="utf-8")


def make_app(folder: Path, start: str = "", theme: str = "dark", filled: bool = True, **more: str) -> ChatApp:
    """The app as `llmctl tui` makes it, with the demo provider, and all its files under `folder`."""
    folders = {"CONFIG": "config.toml", "DATA": "data", "CACHE": "cache", "STATE": "state"}
    env = {f"LLMCTL_{name}": str(folder / file) for name, file in folders.items()} | more
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    _keep_lists(folder / "cache")
    if filled:
        with Store(store_file(env)) as store:
            fill(store)
    streams = Streams(env, Settings(theme=theme))
    desk = Desk(TuiOptions(profile="demo", model="demo"), ScreenStreams(streams))
    app = ChatApp(desk, Archive(lambda: Store(store_file(env))), start)
    app.folder = folder
    return app


async def settle(app: ChatApp, pilot: Pilot[None]) -> None:
    """Until everything that was begun at the start is done and drawn."""
    workers = [worker for worker in app.workers if worker.group == "start"]
    await app.workers.wait_for_complete(workers)
    await pilot.pause()


async def shown(app: ChatApp, pilot: Pilot[None]) -> None:
    """Until a window is above the chat."""
    while app.screen is app.chat:
        await pilot.pause()
    await pilot.pause()


async def put_away(app: ChatApp) -> None:
    """Give back what the app held."""
    await app.desk.close()
    await app.archive.close()
