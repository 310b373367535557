"""Help, settings, raw events, files, and how things look."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from llmctl.cli.streams import harmless
from llmctl.core.params import parse_options
from llmctl.errors import UsageError
from llmctl.platforms import show_file
from llmctl.store.messages import FileRef
from llmctl.tui.doing.answers import last_key
from llmctl.tui.screens.settings import SettingsScreen, read, written
from llmctl.tui.screens.text import TextScreen
from llmctl.tui.transcript import MediaPart

if TYPE_CHECKING:
    from llmctl.tui.screens.chat import ChatScreen


async def help_(chat: ChatScreen, rest: str) -> None:
    """The keys of what has the focus, then those that always hold, then the slash commands."""
    from llmctl.tui.helptext import help_text

    focused = chat.focused
    await chat.app.push_screen(TextScreen("Help", help_text(chat, focused)))


async def search(chat: ChatScreen, rest: str) -> None:
    chat.app.action_command_palette()


async def sidebar(chat: ChatScreen, rest: str) -> None:
    chat.toggle_sidebar()


async def mouse(chat: ChatScreen, rest: str) -> None:
    chat.app.toggle_mouse()
    told = "the mouse is llmctl's again" if chat.app.mouse_on else "the mouse is the terminal's; F8 takes it back"
    chat.desk.streams.note(told)


async def theme(chat: ChatScreen, rest: str) -> None:
    """By name, or from Textual's list."""
    from llmctl.tui.app import THEMES

    if not rest:
        chat.app.action_change_theme()
        return
    name = THEMES.get(rest, rest)
    if name not in chat.app.available_themes:
        raise UsageError(f"there is no theme {rest!r}", hint=f"{', '.join(THEMES)}; /theme alone lists them all")
    chat.app.theme = name


async def quit_(chat: ChatScreen, rest: str) -> None:
    chat.app.call_later(chat.app.action_quit)  # which waits for the deeds, this one too


async def settings(chat: ChatScreen, rest: str) -> None:
    """Both in a window."""
    now = chat.talk.conversation
    settled = await chat.app.push_screen_wait(SettingsScreen(now.system, now.params))
    if settled:
        await chat.talk.settle(*settled)
        chat.show_status()


async def system(chat: ChatScreen, rest: str) -> None:
    if not rest:
        await settings(chat, "")
        return
    text = "" if rest == "-" else rest
    await chat.talk.settle(text, chat.talk.conversation.params)
    chat.desk.streams.note(f"system prompt: {text}" if text else "there is no system prompt")


async def set_(chat: ChatScreen, rest: str) -> None:
    """/set KEY=VALUE; KEY= removes it."""
    params = dict(chat.talk.conversation.params)
    name, equals, value = rest.partition("=")
    if rest and equals and not value.strip():
        params.pop(name.strip(), None)
    elif rest:
        parse_options([rest])
        params |= read([rest])
    if rest:
        await chat.talk.settle(chat.talk.conversation.system, params)
    chat.desk.streams.note(written(params) or "no parameters are set")


async def usage(chat: ChatScreen, rest: str) -> None:
    """Requests, tokens and cost of the branch in view, by model."""
    from llmctl.tui.helptext import usage_text

    number = chat.talk.id
    requests = await chat.app.archive.run(lambda store: store.ledger.of_conversation(number))
    await chat.app.push_screen(TextScreen("Usage of this conversation", usage_text(requests)))


async def raw(chat: ChatScreen, rest: str) -> None:
    await raw_entry(chat, last_key(chat))


async def raw_entry(chat: ChatScreen, key: str) -> None:
    """The message and its request as they are kept; of the last answer also its events."""
    message = chat.talk.message(key)
    if message is None:
        raise UsageError("nothing is kept of this")
    request = chat.talk.branch.requests.get(message.id)
    parts = [("message", _dump(message.wire()))]
    if request:
        parts.append(
            ("request", _dump({name: value for name, value in vars(request).items() if value not in (None, "")}))
        )
    last = chat.asker.last
    if last and last.head == chat.talk.ends().get(key, message.id):
        parts.append(("sent", _dump(last.messages)))
        parts.append(("events", "\n".join(json.dumps(each.as_dict(), ensure_ascii=False) for each in last.events)))
    text = Text()
    for title, body in parts:
        text.append(f"{title}\n", style="bold").append(f"{harmless(body)}\n\n")
    await chat.app.push_screen(TextScreen("Raw", text))


async def media(chat: ChatScreen, part: MediaPart, how: str) -> None:
    """Save a file of a message into the working folder, or open it in the platform's viewer."""
    ref = FileRef(part.name, part.kind, part.key, part.size)
    kept = await chat.app.archive.run(lambda store: store.messages.load(ref))
    if not kept.data:
        raise UsageError(f"{part.name} is not kept")
    name = Path(part.name).name or "file"
    folder = chat.app.folder if how == "save" else Path(tempfile.mkdtemp(prefix="llmctl-"))
    path = _free(folder / name)
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(kept.data)
    except OSError as error:
        raise UsageError(f"can't write {path}: {error.strerror or error}") from error
    if how == "save":
        chat.desk.streams.note(f"saved: {path}")
    elif not show_file(path):
        chat.desk.streams.warn(f"no program was found that shows {path}")


def _free(path: Path) -> Path:
    """The path, or the next with a number, that does not exist."""
    number = 1
    found = path
    while found.exists():
        found = path.with_stem(f"{path.stem}-{number}")
        number += 1
    return found


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
