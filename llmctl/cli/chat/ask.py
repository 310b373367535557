"""One question until its answer, tool calls and a repair included."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NoReturn

from llmctl.cli.account import Account, total_cost
from llmctl.cli.chat.render import Renderer
from llmctl.cli.chat.structured import REPAIR, Form
from llmctl.cli.chat.toolbox import Toolbox
from llmctl.cli.session import Session
from llmctl.cli.streams import OutputClosed
from llmctl.client.stream import ChatStream
from llmctl.errors import AnswerInvalid, Interrupted, LlmctlError, NotFound
from llmctl.platforms import keep_output
from llmctl.store.ledger import Request
from llmctl.store.recorder import CHECKPOINT_SECONDS, Recorder
from llmctl.tools.loop import ToolLoop


class Ask:
    """Asks, and shows what comes by a renderer. `loop` holds everything that was said, however it ends."""

    def __init__(
        self, session: Session, toolbox: Toolbox, renderer: Renderer, account: Account, whole: bool = False
    ) -> None:
        self.session = session
        self.account = account
        self.loop: ToolLoop | None = None
        self.requests: list[Request] = []
        self._toolbox = toolbox
        self._renderer = renderer
        self._whole = whole

    @property
    def done(self) -> ToolLoop:
        """The loop, once it has run."""
        assert self.loop is not None
        return self.loop

    @property
    def cost(self) -> float | None:
        """US dollars for everything that was sent; None when unknown."""
        return total_cost(self.requests)

    @property
    def stream(self) -> ChatStream | None:
        """The last request's stream."""
        return self.loop.stream if self.loop else None

    def run(self, messages: Sequence[Mapping[str, Any]], params: Mapping[str, Any], limit: int = 10) -> ToolLoop:
        """Ask until the answer is complete. Raises Interrupted and what the client raises, with the partial."""
        self.session.on_wait = self._waits
        recorder = self.account.recorder

        async def ask(client: Any) -> None:
            async with self._toolbox.opened() as tools:
                self.loop = ToolLoop(
                    client, messages, params, tools, gate=self._toolbox.gate, limit=limit, whole=self._whole
                )
                self.loop.before_round = self._check
                recorder.answering(self.loop, len(self.loop.messages), client.target)
                self._renderer.waiting(f"{client.target.profile}/{client.target.model or '?'}")
                async with self.loop, checkpoints(recorder):
                    async for event in self.loop:
                        self._renderer.event(event)
                        recorder.checkpoint()
            self.session.target = client.target

        try:
            with keep_output(self.session.streams.terminal):
                self.session.run(ask, concurrent=self._toolbox.needs_loop)
        except KeyboardInterrupt:
            self._broken(self._interrupted())
        except OutputClosed:  # nobody reads on
            recorder.end(self._interrupted())
            raise
        except LlmctlError as error:
            if isinstance(error, NotFound):
                from llmctl.cli.modelhint import hint_model

                hint_model(error, self.session)
            self._broken(error)
        self.requests += recorder.end(target=self.session.target)
        return self.done

    def _waits(self) -> None:
        self._renderer.wait()
        self.account.recorder.checkpoint()

    def _check(self) -> None:
        """Raises BudgetSpent. Rounds of tools count together."""
        if self.account.guard.on and self.loop:
            earlier = sum(request.cost or 0.0 for request in self.requests)
            spent = earlier + self.account.recorder.cost_so_far()
            self.account.guard.check(self.loop.messages, spent, counted=earlier)

    def shaped(
        self,
        form: Form,
        messages: Sequence[Mapping[str, Any]],
        params: Mapping[str, Any],
        repair: bool,
        limit: int = 10,
    ) -> ToolLoop:
        """Ask for an answer of this form; with `repair` a second time, the error shown. Raises AnswerInvalid."""
        loop = self.run(messages, params, limit)
        try:
            _check(form, loop)
        except AnswerInvalid as error:
            if not repair:
                raise self._invalid(error) from error
            self.session.streams.note(f"{error.message}; asking once more")
            correction = {"role": "user", "content": REPAIR.format(error.message)}
            first = loop
            loop = self.run([*first.messages, correction], params, limit)
            loop.follows(first)
            try:
                _check(form, loop)
            except AnswerInvalid as second:
                raise self._invalid(second) from second
        return loop

    def _invalid(self, error: AnswerInvalid) -> AnswerInvalid:
        answer = self.stream.answer if self.stream else None
        error.partial = answer.content if answer else None
        if answer and answer.finish_reason == "length":
            error.hint = "it was cut at the token limit: raise it with --max-tokens"
        return self.session.about(error)

    def _interrupted(self) -> Interrupted:
        partial = (self.stream.answer.content or None) if self.stream else None
        error = Interrupted("interrupted", hint="the answer above is partial" if partial else None)
        error.partial = partial
        return self.session.about(error)

    def _broken(self, error: LlmctlError) -> NoReturn:
        self.requests += self.account.recorder.end(error)
        self._renderer.broken(error)
        raise error


@asynccontextmanager
async def checkpoints(recorder: Recorder) -> AsyncIterator[None]:
    """Where an event loop runs: write down what has come also while nothing more comes."""
    asyncio = sys.modules.get("asyncio")  # its import takes 45 ms
    if asyncio is None or asyncio._get_running_loop() is None:
        yield
        return

    async def tick() -> None:
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            recorder.checkpoint()

    ticking = asyncio.ensure_future(tick())
    try:
        yield
    finally:
        ticking.cancel()


def _check(form: Form, loop: ToolLoop) -> None:
    if form.wanted and loop.stream:
        form.shaped(loop.stream.answer.content)
