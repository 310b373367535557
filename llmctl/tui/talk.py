"""The conversation in view: what was said, its variants, and changes to it. Knows nothing of the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from llmctl.core.media import Attachment
from llmctl.errors import LlmctlError, StoreFailed
from llmctl.store.conversations import Conversation
from llmctl.store.drafts import Draft
from llmctl.store.messages import Message
from llmctl.store.recorder import Price
from llmctl.store.store import Store
from llmctl.tui.archive import Archive
from llmctl.tui.entries import Branch, groups


class Talk:
    """`conversation` has the id "" until its first question is asked."""

    def __init__(self, archive: Archive, price: Price) -> None:
        self.archive = archive
        self.recorder = archive.recorder(price)
        self._price = price
        self.conversation = Conversation("")
        self.branch = Branch()

    @property
    def id(self) -> str:
        return self.conversation.id

    @property
    def head(self) -> int | None:
        """The last message in view."""
        return self.branch.path[-1].id if self.branch.path else None

    async def open(self, number: str) -> None:
        """Show a kept conversation; "" begins a new one with the settings of this one."""
        if number:
            found = await self.archive.run(lambda store: store.conversations.get(number))
            self.conversation = found or Conversation("")
        else:
            now = self.conversation
            self.conversation = Conversation("", system=now.system, params=now.params)
        self.recorder.go_on(self.id or None, None)  # else the one so far would be read again
        await self.reload()

    async def reload(self) -> None:
        """Read what the store holds now."""
        number = self.recorder.conversation if not self.id else self.id

        def read(store: Store) -> tuple[Conversation | None, Branch]:
            conversation = store.conversations.get(number) if number else None
            if conversation is None:
                return None, Branch()
            path = store.messages.path(conversation.head)
            requests = store.ledger.of_messages([message.id for message in path])
            return conversation, Branch(path, requests, store.messages.siblings(conversation.id))

        conversation, self.branch = await self.archive.run(read)
        self.conversation = conversation or self.conversation
        self.recorder.go_on(self.id or None, self.head)

    async def adopt(self) -> None:
        """Read title and settings of the conversation that was begun or changed; what was said stays as it is."""
        number, begun = self.id or self.recorder.conversation or "", not self.id

        def read(store: Store) -> Conversation | None:
            if number and begun:
                store.drafts.keep("", Draft(""))  # it has become a question
            return store.conversations.get(number)

        found = await self.archive.run(read)
        self.conversation = found or self.conversation

    async def to_memory(self, head: int | None, more: Sequence[tuple[Message, Sequence[Attachment]]] = ()) -> None:
        """Go on in memory, as the store has failed: with what was said up to `head`, and with these messages."""
        now = self.conversation
        ids = [message.id for message in self.branch.path]
        said = self.branch.path[: ids.index(head) + 1 if head in ids else 0]

        def copy(old: Store, new: Store) -> str:
            kept = [(replace(message, files=()), _readable(old, message)) for message in said]
            messages = [*kept, *more]
            if not messages:
                return ""
            settings = {"title": now.title, "titled": now.titled, "system": now.system, "params": dict(now.params)}
            number, parent = new.conversations.begin(now.profile, now.model, **settings), None
            for message, files in messages:
                parent = new.messages.add(number, parent, message, files)
            return number

        self.conversation = replace(now, id=await self.archive.to_memory(copy))
        self.recorder = self.archive.recorder(self._price)
        await self.reload()

    def next_head(self) -> int | None:
        """What a new question follows: the last answer, as a question without one gives way."""
        path = list(self.branch.path)
        while path and path[-1].role == "user":
            path.pop()
        return path[-1].id if path else None

    def message(self, key: str) -> Message | None:
        """The message in view that has this id."""
        return next((message for message in self.branch.path if str(message.id) == key), None)

    def question_of(self, key: str) -> Message | None:
        """The question that this message is, or answers."""
        question = None
        for message in self.branch.path:
            question = message if message.role == "user" else question
            if str(message.id) == key:
                return question
        return None

    def ends(self) -> dict[str, int]:
        """Key of an entry -> the id of its last message."""
        return {str(group[0].id): group[-1].id for group in groups(self.branch.path)}

    def last_answer(self) -> str:
        """The text of the last answer."""
        return next(
            (each.text for each in reversed(self.branch.path) if each.role == "assistant" and each.text), ""
        )

    async def wire(self, profile: str) -> list[dict[str, Any]]:
        """Everything in view, up to where the recorder stands, as it is sent to this profile."""
        head, system = self.recorder.head, self.conversation.system

        def read(store: Store) -> list[dict[str, Any]]:
            return store.messages.wire(store.messages.path(head), profile)

        said = await self.archive.run(read)
        return [*([{"role": "system", "content": system}] if system else []), *said]

    async def settle(self, system: str, params: Mapping[str, Any]) -> None:
        """Change system prompt and parameters."""
        self.conversation = replace(self.conversation, system=system, params=dict(params))
        await self._change(system=system, params=dict(params))

    async def rename(self, title: str) -> None:
        """Give a title of the user's own."""
        self.conversation = replace(self.conversation, title=title, titled=True)
        await self._change(title=title, titled=True)

    async def pin(self) -> None:
        """Pin, or no longer."""
        self.conversation = replace(self.conversation, pinned=not self.conversation.pinned)
        await self._change(pinned=self.conversation.pinned)

    async def show_variant(self, message: Message, step: int) -> bool:
        """Show the variant before or after a message; whether there is one."""
        beside = list(self.branch.siblings.get(message.parent, ()))
        at = beside.index(message.id) + step if message.id in beside else -1
        if not 0 <= at < len(beside):
            return False
        await self.archive.run(lambda store: store.messages.show(self.id, store.messages.leaf(beside[at])))
        await self.reload()
        return True

    async def branch_off(self, key: str) -> str:
        """A new conversation of everything up to this answer or question; its id."""
        group_end = self._end_of(key)
        copied = self.branch.path[: group_end + 1]
        now = self.conversation

        def copy(store: Store) -> str:
            with store.transaction():
                number = store.conversations.begin(
                    now.profile,
                    now.model,
                    title=f"{now.title} (branch)",
                    system=now.system,
                    params=dict(now.params),
                )
                parent = None
                for message in copied:
                    parent = store.messages.add(number, parent, message)
            return number

        return await self.archive.run(copy)

    def _end_of(self, key: str) -> int:
        """The place of the last message that belongs to this one's entry."""
        path = self.branch.path
        at = next(place for place, message in enumerate(path) if str(message.id) == key)
        while path[at].role != "user" and at + 1 < len(path) and path[at + 1].role != "user":
            at += 1
        return at

    async def keep_draft(self, draft: Draft) -> None:
        """Keep what is typed; a disk that can't is no reason to disturb."""
        number = self.id
        try:
            await self.archive.run(lambda store: store.drafts.keep(number, draft))
        except LlmctlError:
            return

    async def _change(self, **values: Any) -> None:
        if number := self.id:
            await self.archive.run(lambda store: store.conversations.change(number, **values))


def _readable(store: Store, message: Message) -> list[Attachment]:
    """The files of a message that can still be read."""
    found = []
    for ref in message.files:
        with suppress(StoreFailed):
            found.append(store.messages.load(ref))
    return [file for file in found if file.data]
