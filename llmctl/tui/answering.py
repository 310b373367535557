"""One answer while it comes: asked, shown, kept, stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llmctl.core.events import Event
from llmctl.errors import Interrupted, LlmctlError
from llmctl.store.messages import COMPLETE, Message, from_wire
from llmctl.store.recorder import CHECKPOINT_SECONDS
from llmctl.tools.loop import ToolLoop

if TYPE_CHECKING:
    from llmctl.client.client import Client
    from llmctl.tools.loop import Gate
    from llmctl.tools.tool import Tool
    from llmctl.tui.talk import Talk


class Answering:
    """Asks for the answer to the message at which the talk's recorder stands.

    `events` are all that have come, for the raw view, and `head` is the answer's last message once it has ended.
    `stop` ends the request upstream; what has come is kept.
    """

    def __init__(self, talk: Talk, client: Client, tools: Sequence[Tool], gate: Gate) -> None:
        self.talk = talk
        self.client = client
        self.events: list[Event] = []
        self.messages: list[dict[str, Any]] = []
        self.head: int | None = None
        self._loop: ToolLoop | None = None
        self._tools = tools
        self._gate = gate
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    def stop(self) -> None:
        """End it now."""
        self._stopped = True
        if self._task:
            self._task.cancel()

    async def run(
        self, show: Callable[[Event], None], check: Callable[[ToolLoop], None], limit: int = 10
    ) -> LlmctlError | None:
        """Ask until the answer is complete; the error that ended it before, Interrupted if it was stopped.

        `show` gets each event, `check` the loop before each request; it may raise.
        """
        error: LlmctlError | None = None
        saver = asyncio.create_task(self._save())
        try:
            self._task = asyncio.create_task(self._ask(show, check, limit))
            if self._stopped:
                self._task.cancel()
            await self._task
        except LlmctlError as raised:
            error = raised
        except asyncio.CancelledError:
            if not self._stopped:  # the app is going down
                self._stopped = True
                await self._halt()
            error = Interrupted("stopped")
        finally:
            saver.cancel()
            with suppress(asyncio.CancelledError, LlmctlError):
                await saver
        target = self.client.target
        await self.talk.archive.run(lambda _: self.talk.recorder.end(error, target))
        self.head = self.talk.recorder.head
        return error

    def said(self, state: str) -> list[Message]:
        """The messages of the answer, for a store that could not take them while they came."""
        loop, target = self._loop, self.client.target
        if loop is None:
            return []
        wires = [(wire, COMPLETE) for wire in loop.messages[len(self.messages) :]]
        if loop.stream and len([wire for wire, _ in wires if wire["role"] == "assistant"]) < len(loop.streams):
            partial = loop.stream.answer.first.as_message()
            partial.pop("tool_calls", None)
            wires += [(partial, state)] if partial.get("content") else []
        return [
            replace(from_wire(wire, state), profile=target.profile, model=target.model or "")
            for wire, state in wires
        ]

    async def _ask(self, show: Callable[[Event], None], check: Callable[[ToolLoop], None], limit: int) -> None:
        talk, target = self.talk, self.client.target
        self.messages = await talk.wire(target.profile)
        loop = ToolLoop(
            self.client, self.messages, talk.conversation.params, self._tools, gate=self._gate, limit=limit
        )
        self._loop = loop
        loop.before_round = lambda: check(loop)
        talk.recorder.answering(loop, len(loop.messages), target)
        async with loop:
            async for event in loop:
                self.events.append(event)
                show(event)

    async def _save(self) -> None:
        """Checkpoints, also while the provider is silent."""
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            await self.talk.archive.run(lambda _: self.talk.recorder.checkpoint(now=True))

    async def _halt(self) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError, LlmctlError):
                await self._task
