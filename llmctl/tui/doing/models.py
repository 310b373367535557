"""Who is asked: switching, failing over, and two answers side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmctl.errors import UsageError
from llmctl.tui.desk import Choice
from llmctl.tui.doing.answers import idle, last_key

if TYPE_CHECKING:
    from llmctl.tui.screens.chat import ChatScreen


async def switch(chat: ChatScreen, choice: Choice) -> None:
    """Ask this model from now on; the draft stays."""
    idle(chat)
    await chat.desk.switch(choice)
    chat.show_status()


async def next_recent(chat: ChatScreen, rest: str) -> None:
    """The next of the models used lately; the order stays while they are gone through."""
    if len(chat.recent) < 2:
        await choose(chat, "")
        return
    labels = [choice.label for choice in chat.recent]
    now = chat.desk.choice.label
    at = labels.index(now) if now in labels else -1
    await switch(chat, chat.recent[(at + 1) % len(chat.recent)])


async def choose(chat: ChatScreen, rest: str) -> None:
    """By name, or in the picker."""
    choice = chat.desk.named(rest) if rest else await chat.pick("Ask which model?")
    if choice:
        await switch(chat, choice)
        await chat.list_recent()


async def use(chat: ChatScreen, rest: str) -> None:
    """A profile with its own model."""
    if not rest:
        await choose(chat, "")
        return
    await switch(chat, Choice(rest, chat.desk.model_of(rest)))
    await chat.list_recent()


async def fail_over(chat: ChatScreen, rest: str) -> None:
    """Ask the last question again, of another profile, and stay with that."""
    idle(chat)
    question = chat.talk.question_of(last_key(chat))
    other = chat.desk.other(chat.recent)
    if other is None:
        raise UsageError("there is no other profile with a model", hint="add one: llmctl profile add")
    await switch(chat, other)
    if question:
        await chat.ask(question.id)


async def compare(chat: ChatScreen, rest: str) -> None:
    await compare_entry(chat, last_key(chat))


async def compare_entry(chat: ChatScreen, key: str) -> None:
    """Ask the question of an answer elsewhere, and show both side by side; both stay as variants."""
    from llmctl.tui.screens.compare import CompareScreen

    idle(chat)
    question = chat.talk.question_of(key)
    if question is None:
        raise UsageError("there is no question to ask")
    choice = await chat.pick("Compare with which model?")
    if choice is None:
        return
    shown = await chat.app.push_screen_wait(CompareScreen(chat, question, choice))
    if shown:
        await chat.app.archive.run(lambda store: store.messages.show(chat.talk.id, store.messages.leaf(shown)))
    await chat.asker.show()
    await chat.list_recent()
    chat.show_status()
