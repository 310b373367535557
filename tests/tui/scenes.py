"""The screens whose looks are pinned: name -> how to get there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual.command import CommandList
from textual.pilot import Pilot
from textual.widgets import Input

from llmctl.core.media import Attachment
from llmctl.tui.app import ChatApp
from llmctl.tui.prompt import Draft
from llmctl.tui.screens.compare import CompareScreen
from llmctl.tui.screens.dialog import LineDialog, ToolDialog
from llmctl.tui.transcript import Entry, TextPart
from llmctl.tui.widgets.sidebar import Sidebar
from tui import looks

Act = Callable[[ChatApp, Pilot[None]], Awaitable[None]]


async def nothing(app: ChatApp, pilot: Pilot[None]) -> None:
    """As it starts."""


def keys(*names: str) -> Act:
    """Press these, and wait until what they opened is drawn."""

    async def press(app: ChatApp, pilot: Pilot[None]) -> None:
        await pilot.press(*names)
        await looks.shown(app, pilot)

    return press


async def commands(app: ChatApp, pilot: Pilot[None]) -> None:
    await pilot.press("slash")


async def sidebar(app: ChatApp, pilot: Pilot[None]) -> None:
    app.chat.query_one(Sidebar).display = False
    app.chat.toggle_sidebar()
    await pilot.pause()
    await pilot.press("down")


async def open_parts(app: ChatApp, pilot: Pilot[None]) -> None:
    app.chat.transcript.focus()
    await pilot.press("o", "k")


async def trouble(app: ChatApp, pilot: Pilot[None]) -> None:
    said = "the provider failed: The server had an error. (status 500)\n\nF4 asks another profile"
    app.chat.transcript.add(Entry("problem", "error", [TextPart(said)], "demo"))
    app.chat.transcript.add(Entry("note", "note", [TextPart("stopped before anything came")], "note"))


async def streaming(app: ChatApp, pilot: Pilot[None]) -> None:
    chat = app.chat
    chat.asker._begin()
    chat.transcript.add(Entry("asked", "user", [TextPart("And now?")], "You"))
    chat.transcript.begin(Entry("live", "assistant", [], "demo/demo", "waiting"))
    chat.transcript.append("I think about what comes", reasoning=True)
    chat.transcript.flush()
    chat.transcript.append("It comes **word by")
    chat.transcript.flush()
    chat.prompt._editor.put("then this", (0, 9))
    await pilot.press("enter")
    await pilot.press(*"next")


async def toasts(app: ChatApp, pilot: Pilot[None]) -> None:
    await pilot.press(*"what I type")
    streams = app.desk.streams
    streams.note("copied 1234 characters")
    streams.warn("the history can't be written: no space left on the device; this goes on in memory only")
    streams.error("there is no command /modle", "did you mean /model?")


async def attached(app: ChatApp, pilot: Pilot[None]) -> None:
    files = Attachment("plan.png", "image/png", b"x" * 34_000), Attachment("notes.txt", "text/plain", b"a\nb\n")
    app.chat.prompt.draft = Draft("What is in these?", (0, 17), files)


async def palette(app: ChatApp, pilot: Pilot[None]) -> None:
    app.action_command_palette()
    await looks.shown(app, pilot)
    field = app.screen.query_one(Input)
    field.cursor_blink = False
    while not app.screen.query_one(CommandList).option_count or app.screen.query(".--populating"):
        await pilot.pause()
    await pilot.press("end")


async def rename(app: ChatApp, pilot: Pilot[None]) -> None:
    await app.push_screen(LineDialog("Title of the conversation", "A little of everything"))


async def tool(app: ChatApp, pilot: Pilot[None]) -> None:
    arguments = (
        '{\n  "path": "/home/me/notes.txt",\n  "text": "A line that is long enough to be broken somewhere"\n}'
    )
    await app.push_screen(ToolDialog("write_file", "MCP server files", arguments))


async def usage(app: ChatApp, pilot: Pilot[None]) -> None:
    app.chat.action_deed("usage")
    await looks.shown(app, pilot)


async def raw(app: ChatApp, pilot: Pilot[None]) -> None:
    app.chat.action_deed("raw")
    await looks.shown(app, pilot)


async def compare(app: ChatApp, pilot: Pilot[None]) -> None:
    chat = app.chat

    class Stilled(CompareScreen):
        async def _ask(self) -> None:
            self._right.add(Entry("asked", "user", [TextPart(self._question.text)], "You"))
            self._right.begin(Entry("live", "assistant", [], self._choice.label, "waiting"))
            self._right.append("### Another answer\n\nThat says **less**.")
            self._right.finish("complete", "first token 0.21 s · 80 tokens/s · 96 tokens · $0.0012")

    question = next(each for each in chat.talk.branch.path if each.role == "user")
    await app.push_screen(Stilled(chat, question, chat.desk.choice))


SCENES: dict[str, tuple[str, bool, Act]] = {
    "empty": ("", False, nothing),
    "talk": (looks.TALK, True, nothing),
    "rich": (looks.RICH, True, nothing),
    "rich_open": (looks.RICH, True, open_parts),
    "cut": (looks.CUT, True, nothing),
    "trouble": (looks.CUT, True, trouble),
    "streaming": (looks.RICH, True, streaming),
    "sidebar": (looks.TALK, True, sidebar),
    "attached": ("", True, attached),
    "commands": ("", True, commands),
    "picker": (looks.TALK, True, keys("f3")),
    "settings": (looks.TALK, True, keys("f6")),
    "help": (looks.TALK, True, keys("f1")),
    "raw": (looks.TALK, True, raw),
    "usage": (looks.TALK, True, usage),
    "compare": (looks.TALK, True, compare),
    "rename": (looks.TALK, True, rename),
    "tool": (looks.TALK, True, tool),
    "palette": (looks.TALK, True, palette),
    "toasts": (looks.TALK, True, toasts),
}
"""Name -> (conversation, whether there are any, what to do)."""
