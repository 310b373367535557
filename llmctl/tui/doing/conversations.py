"""Conversations: new ones, titles, pins, removal, export, and jumps to what was found."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from llmctl.errors import UsageError
from llmctl.platforms import native_path
from llmctl.store.messages import Message
from llmctl.tui.doing.answers import idle

if TYPE_CHECKING:
    from llmctl.tui.screens.chat import ChatScreen


async def new(chat: ChatScreen, rest: str) -> None:
    """Begin anew; model, system prompt and parameters stay."""
    await chat.open("")


async def jump(chat: ChatScreen, conversation: str, message: int | None = None, query: str = "") -> None:
    """Open a conversation, at a message if one is named, on whichever branch it is."""
    if conversation != chat.talk.id:
        await chat.open(conversation)
    if message is None:
        return
    if all(each.id != message for each in chat.talk.branch.path):
        idle(chat)
        await chat.app.archive.run(lambda store: store.messages.show(conversation, store.messages.leaf(message)))
        await chat.asker.show()
    key = _entry_of(chat, message)
    if key:
        words = [word for word in query.replace('"', " ").split() if word]
        found = chat.talk.message(str(message))
        needle = next((word for word in words if found and word.lower() in found.text.lower()), "")
        chat.transcript.focus()
        chat.transcript.show_entry(key, needle)


def _entry_of(chat: ChatScreen, message: int) -> str | None:
    """The key of the entry that holds a message."""
    from llmctl.tui.entries import groups

    for group in groups(chat.talk.branch.path):
        if any(each.id == message for each in group):
            return str(group[0].id)
    return None


async def rename(chat: ChatScreen, rest: str) -> None:
    if not chat.talk.id:
        raise UsageError("the conversation has not begun")
    title = rest or await chat.ask_line("Title of the conversation", chat.talk.conversation.title)
    if title:
        await chat.talk.rename(title)
        await chat.list_conversations()
        chat.show_status()


async def rename_one(chat: ChatScreen, number: str) -> None:
    """Rename any conversation."""
    found = await chat.app.archive.run(lambda store: store.conversations.get(number))
    title = await chat.ask_line("Title of the conversation", found.title if found else "")
    if title:
        await chat.app.archive.run(lambda store: store.conversations.change(number, title=title, titled=True))
        await _changed(chat, number)


async def pin(chat: ChatScreen, rest: str) -> None:
    await pin_one(chat, chat.talk.id)


async def pin_one(chat: ChatScreen, number: str) -> None:
    """Pin a conversation, or no longer."""
    found = await chat.app.archive.run(lambda store: store.conversations.get(number))
    if found is None:
        raise UsageError("the conversation has not begun")
    await chat.app.archive.run(lambda store: store.conversations.change(number, pinned=not found.pinned))
    await _changed(chat, number)
    chat.desk.streams.note("no longer pinned" if found.pinned else "pinned")


async def delete(chat: ChatScreen, rest: str) -> None:
    if not chat.talk.id:
        raise UsageError("the conversation has not begun")
    await delete_one(chat, chat.talk.id)


async def delete_one(chat: ChatScreen, number: str) -> None:
    """Put a conversation away."""
    if number == chat.talk.id:
        idle(chat)
    await chat.app.archive.run(lambda store: store.conversations.hide(number))
    chat.removed.append(number)
    if number == chat.talk.id:
        await chat.open("")
    await chat.list_conversations()
    chat.desk.streams.note("deleted; /undo brings it back")


async def undo(chat: ChatScreen, rest: str) -> None:
    """Bring back what was deleted last."""
    if not chat.removed:
        raise UsageError("nothing was deleted since llmctl was started")
    number = chat.removed.pop()
    await chat.app.archive.run(lambda store: store.conversations.restore(number))
    await chat.open(number)


async def export(chat: ChatScreen, rest: str) -> None:
    """Write the conversation to a file that does not exist yet."""
    name = rest or await chat.ask_line("Write to which file? .md or .json", "conversation.md")
    if not name:
        return
    path = chat.app.folder / os.path.expanduser(native_path(name))
    text = as_json(chat) if name.endswith(".json") else as_markdown(chat)
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{name} exists already", hint="choose another name") from error
    except OSError as error:
        raise UsageError(f"can't write {name}: {error.strerror or error}") from error
    chat.desk.streams.note(f"written: {path}")


async def copy_markdown(chat: ChatScreen, rest: str) -> None:
    text = as_markdown(chat)
    chat.app.copy_to_clipboard(text)
    chat.desk.streams.note(f"copied {len(text)} characters")


def as_markdown(chat: ChatScreen) -> str:
    """The branch in view, each message under a heading."""
    title = chat.talk.conversation.title
    parts = [f"# {title}\n"] if title else []
    return "\n".join([*parts, *(_section(message) for message in chat.talk.branch.path)])


def as_json(chat: ChatScreen) -> str:
    """What would be sent, with the model, as `/save` of `llmctl chat -i` writes it."""
    import json

    now = chat.talk.conversation
    said = [message.wire() for message in chat.talk.branch.path]
    system = [{"role": "system", "content": now.system}] if now.system else []
    facts = {"profile": now.profile, "model": now.model, "params": dict(now.params), "messages": [*system, *said]}
    return json.dumps(facts, ensure_ascii=False, indent=2) + "\n"


def _section(message: Message) -> str:
    who = {"user": "You", "tool": "Tool"}.get(message.role, f"{message.profile}/{message.model}")
    files = "".join(f"*{ref.name} ({ref.mime})*\n\n" for ref in message.files)
    calls = [call.get("function", {}) for call in message.extra.get("tool_calls") or ()]
    called = "".join(f"\n\n`{call.get('name')}({call.get('arguments')})`" for call in calls)
    cut = "\n\n*(partial)*" if message.partial else ""
    return f"## {who}\n\n{files}{message.text}{called}{cut}\n"


async def _changed(chat: ChatScreen, number: str) -> None:
    if number == chat.talk.id:
        await chat.talk.adopt()
        chat.show_status()
    await chat.list_conversations()
