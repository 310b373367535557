"""Asking on the screen: the question appears, the answer streams into the transcript, and both are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from llmctl.cli.chat.approval import pretty_arguments
from llmctl.core.events import Event, Reasoning, Refusal, Text, ToolCall, ToolResult
from llmctl.core.media import Attachment, content
from llmctl.errors import Interrupted, LlmctlError
from llmctl.store.messages import BROKEN, COMPLETE, STOPPED, Message
from llmctl.tui.answering import Answering
from llmctl.tui.entries import entries
from llmctl.tui.transcript import Entry, MediaPart, TextPart, ToolPart, Transcript

if TYPE_CHECKING:
    from llmctl.tools.loop import ToolLoop
    from llmctl.tools.tool import Tool
    from llmctl.tui.desk import Desk
    from llmctl.tui.talk import Talk

LIVE, ASKED, PROBLEM = "live", "asked", "problem"
"""Keys of entries that have no row in the store."""

CONTINUE = "Go on exactly where your last answer stopped. Repeat nothing of it, and say nothing about this."


class Asker:
    """Asks one question at a time. `on_change` is called when one begins and when it has ended."""

    def __init__(self, desk: Desk, talk: Talk, transcript: Transcript, on_change: Callable[[], None]) -> None:
        self.desk = desk
        self.talk = talk
        self.transcript = transcript
        self.tools: Sequence[Tool] = ()
        self.last: Answering | None = None
        self._on_change = on_change
        self._now: Answering | None = None

    @property
    def busy(self) -> bool:
        return self._now is not None

    def stop(self) -> None:
        """Stop the answer that is coming; the request ends upstream."""
        if self._now:
            self._now.stop()

    async def ask(self, head: int | None, text: str = "", files: Sequence[Attachment] = ()) -> LlmctlError | None:
        """Ask below the message `head`: a new question, or without text and files that message itself again.

        The error that ended the answer, if one did. Raises BudgetSpent, KeyMissing and the like before it begins.
        """
        talk = self.talk
        answering = self._begin()
        try:
            await self._afford(head, text, files)
            head = await self._put(head, text, files)
            error = await answering.run(self._show, self._check, self.desk.options.rounds)
            if talk.archive.broken:  # it failed while the answer came
                state = COMPLETE if error is None else STOPPED if isinstance(error, Interrupted) else BROKEN
                target = self.desk.target
                question = Message("user", text, profile=target.profile, model=target.model or "")
                asked = [(question, files)] if text or files else []
                said: list[tuple[Message, Sequence[Attachment]]] = [(each, ()) for each in answering.said(state)]
                await talk.to_memory(head, [*asked, *said])
                answering.head = talk.head
            await self._settle(error)
        except LlmctlError:
            self.transcript.finish("broken")
            self.sync(entries(talk.branch))
            raise
        finally:
            self._end()
        self.say_problem()
        return error

    async def go_on(self, message: Message) -> LlmctlError | None:
        """Have a partial answer continued; what comes is joined to it."""
        talk = self.talk
        answering = self._begin()
        try:
            if talk.archive.broken:
                await talk.to_memory(message.id)
                message = talk.branch.path[-1]
            before, settings = message, (talk.conversation.system, talk.conversation.params)
            self.transcript.begin(Entry(LIVE, "assistant", [], self.desk.choice.label, "waiting"))
            talk.recorder.go_on(talk.id, before.id)
            await talk.archive.run(lambda _: talk.recorder.question(self.desk.target, CONTINUE, (), *settings))
            asked = talk.recorder.head
            error = await answering.run(self._show, self._check, self.desk.options.rounds)
            await talk.archive.run(lambda store: _join(store, before, asked, stopped=error is not None))
            answering.head = before.id
            await self._settle(error)
        except LlmctlError:
            self.transcript.finish("broken")
            raise
        finally:
            self._end()
        self.say_problem()
        return error

    async def show(self) -> None:
        """Bring the transcript up to what the store holds."""
        await self.talk.reload()
        self.sync(entries(self.talk.branch))

    def sync(self, wanted: Sequence[Entry]) -> None:
        """Change what differs; what is the same stays as it is drawn."""
        shown = list(self.transcript.entries)
        same = 0
        for old, new in zip(shown, wanted, strict=False):
            if not _equal(old, new):
                break
            if old != new:
                self.transcript.rekey(old.key, new.key)
                old.footer, old.variant, old.title, old.state = new.footer, new.variant, new.title, new.state
                self.transcript.changed(new.key)
            same += 1
        if same < len(shown):
            self.transcript.remove_from(shown[same].key)
        for entry in wanted[same:]:
            self.transcript.add(entry)

    def _begin(self) -> Answering:
        self._now = self.last = Answering(self.talk, self.desk.client(), self.tools, self._gate)
        self._on_change()
        return self._now

    def _end(self) -> None:
        self._now = None
        self._on_change()

    async def _afford(self, head: int | None, text: str, files: Sequence[Attachment]) -> None:
        """Raises BudgetSpent where the question alone passes a limit."""
        talk, guard = self.talk, self.desk.guard
        if guard.on:
            talk.recorder.go_on(talk.id or None, head)
            said = await talk.wire(self.desk.target.profile)
            asked = [{"role": "user", "content": content(text, list(files)) if files else text}]
            guard.check([*said, *(asked if text or files else [])])

    async def _put(self, head: int | None, text: str, files: Sequence[Attachment]) -> int | None:
        """Write the question down and show it, with an empty answer below. What it follows now."""
        talk, target = self.talk, self.desk.target
        self._cut(head)
        if talk.archive.broken:
            await talk.to_memory(head)
            head = talk.head
        talk.recorder.go_on(talk.id or None, head)
        if text or files:
            parts = [MediaPart(file.name, file.mime, len(file.data), "") for file in files]
            self.transcript.add(Entry(ASKED, "user", [*parts, *([TextPart(text)] if text else [])], "You"))
            settings = talk.conversation.system, talk.conversation.params
            await talk.archive.run(lambda _: talk.recorder.question(target, text, files, *settings))
            if talk.archive.broken:
                await talk.to_memory(head)
                head = talk.head
                await talk.archive.run(lambda _: talk.recorder.question(target, text, files, *settings))
            await talk.adopt()
        self.transcript.begin(Entry(LIVE, "assistant", [], self.desk.choice.label, "waiting"))
        self._on_change()
        return head

    def _cut(self, head: int | None) -> None:
        """Take away what is shown below the message `head`."""
        shown = [entry.key for entry in self.transcript.entries]
        ends = {group_end: key for key, group_end in self.talk.ends().items()}
        after = shown.index(ends[head]) + 1 if head is not None and ends.get(head) in shown else 0
        if after < len(shown):
            self.transcript.remove_from(shown[after])

    def _show(self, event: Event) -> None:
        transcript = self.transcript
        match event:
            case Text(text=text, index=0) | Refusal(text=text, index=0):
                transcript.append(text)
            case Reasoning(text=text, index=0):
                transcript.append(text, reasoning=True)
            case ToolCall(index=0):
                transcript.tool_call(ToolPart(event.id, event.name, event.arguments))
            case ToolResult():
                transcript.tool_result(event.id, event.content, event.is_error, event.ms)

    def _check(self, loop: ToolLoop) -> None:
        if self.desk.guard.on:
            self.desk.guard.check(loop.messages, self.talk.recorder.cost_so_far())

    async def _gate(self, call: ToolCall, tool: Tool) -> bool:
        """Whether a tool may run: by option, by config, else the person is asked."""
        gate = self.desk.gate
        if gate.allows(tool):
            return True
        from llmctl.tui.screens.dialog import ToolDialog

        dialog = ToolDialog(tool.name, tool.source, pretty_arguments(call.arguments))
        answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        await self.transcript.app.push_screen(dialog, lambda word: answered.set_result(word or "no"))
        word = await answered
        if word == "quit":
            raise Interrupted("ended at the question whether to run a tool")
        if word == "always":
            gate.always(tool)
        return word in ("yes", "always")

    async def _settle(self, error: LlmctlError | None) -> None:
        """The answer has ended: show it as it is kept, and what went wrong."""
        state = "complete" if error is None else "stopped" if isinstance(error, Interrupted) else "broken"
        self.transcript.finish(state)
        await self.show()
        if error is None:
            return
        if not isinstance(error, Interrupted):
            self.transcript.add(Entry(PROBLEM, "error", [TextPart(_in_words(error))], error.profile or ""))
        elif self.talk.branch.path and self.talk.branch.path[-1].role == "user":
            self.transcript.add(Entry(PROBLEM, "note", [TextPart("stopped before anything came")], "note"))

    def say_problem(self) -> None:
        """Warn, once, that nothing more is kept."""
        if problem := self.talk.archive.news():
            self.desk.streams.warn(f"{problem.message}; this goes on in memory only")


def _equal(old: Entry, new: Entry) -> bool:
    """Whether both say the same, so that nothing but the frame has to be drawn again."""
    if old.role != new.role or len(old.parts) != len(new.parts):
        return False
    return all(_same_part(one, other) for one, other in zip(old.parts, new.parts, strict=True))


def _same_part(one: object, other: object) -> bool:
    if isinstance(one, ToolPart) and isinstance(other, ToolPart):
        return (one.id, one.name, one.arguments, one.result) == (
            other.id,
            other.name,
            other.arguments,
            other.result,
        )
    if isinstance(one, MediaPart) and isinstance(other, MediaPart):
        return one.name == other.name and one.size == other.size and one.key == other.key
    return one == other


def _in_words(error: LlmctlError) -> str:
    details = [f"status {error.status}" if error.status else "", error.request_id or ""]
    known = ", ".join(detail for detail in details if detail)
    hint = f"\n\n{error.hint}" if error.hint else ""
    return f"{error.message}{f' ({known})' if known else ''}{hint}"


def _join(store: object, before: Message, asked: int | None, stopped: bool) -> None:
    """Join a continuation to the answer that it continues, and remove the question between them."""
    from llmctl.store.store import Store

    assert isinstance(store, Store)
    if asked is None:
        return
    with store.transaction():
        path = store.messages.path(store.messages.leaf(asked))  # with the rounds of tools, if there were any
        at = [message.id for message in path].index(asked)
        more = [message for message in path[at + 1 :] if message.role == "assistant"]
        text = before.text + "".join(message.text for message in more)
        ended = bool(more) and not stopped
        state = COMPLETE if ended else STOPPED if before.state == COMPLETE else before.state
        store.messages.write(before.id, replace(before, text=text, state=state))
        for message in more:
            store.ledger.move(message.id, before.id)
        store.messages.remove(asked)
        store.messages.show(before.conversation, before.id)
