"""Keeps what is asked and answered while it happens, so that no end of the program loses it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from llmctl.core.media import Attachment
from llmctl.core.redact import is_secret_parameter
from llmctl.errors import LlmctlError, StoreFailed
from llmctl.store.conversations import auto_title
from llmctl.store.ledger import Request
from llmctl.store.messages import BROKEN, COMPLETE, PARTIAL, STOPPED, Message, from_wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmctl.client.stream import ChatStream
    from llmctl.config.target import Target
    from llmctl.store.store import Store

CHECKPOINT_SECONDS = 1.0
MOST_SHARE = 0.05
"""Of the time, at most, goes into checkpoints: a long answer is written less often."""


Price = Callable[[Request, float | None], Request]
"""Says what a request cost, given what the provider billed."""


class Asking(Protocol):
    """A question while it is answered: all messages so far, and a stream for each request."""

    messages: list[dict[str, Any]]
    streams: list[ChatStream]


class Recorder:
    """Keeps one conversation. The first failure is told; from then on nothing more is tried.

    `conversation` is its id once something was asked, `head` the message that the next one follows.
    `price` may say what a request cost before it is written down. A store that it does not own stays open.
    While `in_view` is false the conversation goes on showing the branch that it shows.
    """

    def __init__(
        self,
        open_store: Callable[[], Store | None],
        caller: str,
        on_problem: Callable[[StoreFailed], None],
        price: Price = lambda request, billed: request,
        *,
        owns_store: bool = True,
    ) -> None:
        self.conversation: str | None = None
        self.head: int | None = None
        self._open_store = open_store
        self._caller = caller
        self._on_problem = on_problem
        self._price = price
        self._store: Store | None = None
        self._owns_store = owns_store
        self.in_view = True
        self._off = False
        self._answer: _Answer | None = None

    def question(
        self,
        target: Target,
        text: str,
        files: Sequence[Attachment] = (),
        system: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        """Write down what is asked, in a new conversation if none goes on."""
        settings: dict[str, Any] = {
            "profile": target.profile,
            "model": target.model or "",
            "system": system or "",
            "params": {name: value for name, value in (params or {}).items() if not is_secret_parameter(name)},
        }
        conversation, head = self.conversation, self.head
        with self._writing() as store:
            if store is None:
                return
            if conversation is None:
                title = auto_title(text) or (files[0].name if files else "")
                conversation = store.conversations.begin(title=title, **settings)
            else:
                store.conversations.change(conversation, **settings)
            message = Message("user", text, profile=target.profile, model=target.model or "")
            head = store.messages.add(conversation, head, message, files, in_view=self.in_view)
        if not self._off:  # else nothing of it was kept
            self.conversation, self.head = conversation, head

    def answering(self, asking: Asking, said: int, target: Target) -> None:
        """From now on `asking` is followed; its first `said` messages are known."""
        self._answer = _Answer(asking, said, target)

    def checkpoint(self, now: bool = False) -> None:
        """Write down what has come, if it is time to; call it with each event."""
        answer = self._answer
        if answer is None or not (now or time.monotonic() >= answer.due):
            return
        started = time.monotonic()
        with self._writing() as store:
            if store and self._there(store):
                self._sync(store, answer, PARTIAL)
                self._count(store, answer, self._requests(answer))
        ended = time.monotonic()
        answer.due = ended + max(CHECKPOINT_SECONDS, (ended - started) / MOST_SHARE)

    def end(self, error: LlmctlError | None = None, target: Target | None = None) -> list[Request]:
        """The answer is complete, or never will be. The requests that it took, in order.

        `target` is who answered, where that was not known at the start.
        """
        answer, self._answer = self._answer, None
        if answer is None:
            return []
        answer.target = target or answer.target
        state = COMPLETE if error is None else STOPPED if error.exit_code == 130 else BROKEN
        with self._writing() as store:
            if store and self._there(store):
                self._sync(store, answer, state)
                self._keep_others(store, answer, state)
        requests = [
            self._price(request, billed(stream))
            for request, stream in zip(self._requests(answer), answer.asking.streams, strict=True)
        ]
        if error and requests and not answer.asking.streams[-1].answer.complete:
            requests[-1] = failed(requests[-1], error)  # else it failed later: a tool, a limit
        with self._writing() as store:
            if store:
                requests = self._count(store, answer, requests)
        return requests

    def _there(self, store: Store) -> bool:
        """Whether the conversation is kept. Of one that was removed meanwhile only the costs are."""
        if self.conversation and store.conversations.get(self.conversation) is None:
            self.conversation = self.head = None
        return self.conversation is not None

    def _requests(self, answer: _Answer) -> list[Request]:
        """The requests so far; those whose end has not come are partial."""
        found = []
        for stream in answer.asking.streams:
            request = request_of(stream, answer.target, self._caller, answer.started)
            found.append(request if stream.answer.complete else replace(request, status="partial"))
        return found

    def _count(self, store: Store, answer: _Answer, requests: list[Request]) -> list[Request]:
        """Write the requests down, or over what was written of them; as they stand there."""
        linked = []
        for at, request in enumerate(requests):
            message = answer.rounds[at] if at < len(answer.rounds) else answer.open
            request = replace(request, conversation=self.conversation, message=message)
            linked.append(request)
            if at < len(answer.entries):
                store.ledger.write(answer.entries[at], request)
            else:
                answer.entries.append(store.ledger.add(request))
        return linked

    def cost_so_far(self) -> float:
        """US dollars that the answer's finished requests cost, as far as is known."""
        answer = self._answer
        if answer is None:
            return 0.0
        pairs = zip(self._requests(answer), answer.asking.streams, strict=True)
        return sum(self._price(request, billed(stream)).cost or 0.0 for request, stream in pairs)

    def go_on(self, conversation: str | None, head: int | None) -> None:
        """What is asked next follows this message of this conversation; None begins a new one."""
        self.conversation, self.head = conversation, head

    def retract(self, head: int | None, question: int | None = None) -> None:
        """Take back the question that got no answer, or the last message: `head` is followed again."""
        gone, self.head = question or self.head, head
        with self._writing() as store:
            if store and gone is not None and gone != head and self.conversation:
                store.messages.remove(gone)
                store.messages.show(self.conversation, head)
                if not store.messages.variants(self.conversation, None):
                    store.conversations.remove(self.conversation)
                    self.conversation = None

    def note(self, request: Request, cost: float | None = None) -> Request:
        """Write down a request that belongs to no conversation; `cost` as the provider billed it."""
        request = self._price(request, cost)
        with self._writing() as store:
            if store:
                store.ledger.add(request)
        return request

    def close(self) -> None:
        """Give the file back."""
        store, self._store = self._store, None
        with self._guarded():
            if store and self._owns_store:
                store.close()

    def _sync(self, store: Store, answer: _Answer, state: str) -> None:
        """Bring the rows of the answer up to what has come."""
        assert self.conversation
        for wire in answer.new_messages():
            message = self._by(from_wire(wire), answer)
            number = answer.take_open() if wire["role"] == "assistant" else None
            if number is None:
                number = store.messages.add(self.conversation, self.head, message, in_view=self.in_view)
            else:
                store.messages.write(number, message)
            self.head = number
            if wire["role"] == "assistant":
                answer.rounds.append(number)
        partial = answer.partial()
        if partial is None:
            return
        message = self._by(from_wire(partial, state), answer)
        if answer.open is None:
            answer.open = store.messages.add(self.conversation, self.head, message, in_view=self.in_view)
            self.head = answer.open
        else:
            store.messages.write(answer.open, message)
        if state != PARTIAL:
            answer.rounds.append(answer.open)

    def _keep_others(self, store: Store, answer: _Answer, state: str) -> None:
        """Further choices of one answer (n > 1) are variants of the first."""
        choices = answer.asking.streams[-1].answer.choices if answer.asking.streams else {}
        first = store.messages.get(self.head) if self.head and len(choices) > 1 else None
        if first is None or first.role != "assistant":
            return
        for index in sorted(choices)[1:]:
            ended = COMPLETE if choices[index].finish_reason else state
            message = self._by(from_wire(choices[index].as_message(), ended), answer)
            store.messages.add(first.conversation, first.parent, message, in_view=False)

    def _by(self, message: Message, answer: _Answer) -> Message:
        if message.role != "assistant":
            return message
        return replace(message, profile=answer.target.profile, model=answer.target.model or "")

    @contextmanager
    def _writing(self) -> Iterator[Store | None]:
        """The store, in a transaction; None when nothing is kept."""
        begun = False
        with self._guarded():
            if self._store is None and not self._off:
                self._store = self._open_store()
                self._off = self._store is None
            if self._store:
                with self._store.transaction():
                    begun = True
                    yield self._store
        if not begun:
            yield None

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except StoreFailed as error:
            store, self._store, self._off = self._store, None, True
            if store and self._owns_store:
                with suppress(StoreFailed):
                    store.close()
            self._on_problem(error)


class _Answer:
    """What has been written of the answer that is being followed."""

    def __init__(self, asking: Asking, said: int, target: Target) -> None:
        self.asking = asking
        self.target = target
        self.open: int | None = None  # the row of the message that is still coming
        self.rounds: list[int] = []  # the row of each round's message
        self.entries: list[int] = []  # the ledger's entry of each request
        self.started = time.time()
        self.due = time.monotonic() + CHECKPOINT_SECONDS
        self._written = said

    def new_messages(self) -> list[dict[str, Any]]:
        """The whole messages that have no row yet."""
        new = self.asking.messages[self._written :]
        self._written += len(new)
        return new

    def take_open(self) -> int | None:
        number, self.open = self.open, None
        return number

    def partial(self) -> dict[str, Any] | None:
        """What has come of the message that is not yet whole."""
        streams = self.asking.streams
        if len(streams) <= len(self.rounds):
            return None
        message = streams[-1].answer.first.as_message()
        message.pop("tool_calls", None)  # half a call can't be answered
        text = message.get("content") or ""
        return {**message, "content": text} if text or message.get("reasoning") else None


def request_to(target: Target, caller: str, started: float) -> Request:
    """The ledger's entry of a request of which nothing has come; `started` in seconds since 1970."""
    where = urlsplit(target.base_url)._replace(query="", fragment="").geturl()  # a key may stand there
    return Request(started, caller, target.profile, target.provider, where, target.model or "")


def request_of(stream: ChatStream, target: Target, caller: str, started: float) -> Request:
    """The entry of a chat request."""
    answer, usage, timing = stream.answer, stream.answer.usage, stream.timing
    counts = usage.counts() if usage else {}
    counts.pop("total_tokens", None)
    return replace(
        request_to(target, caller, timing.started or started),
        answered_by=answer.model or "",
        attempts=max(stream.summary.attempts, 1),
        first_token_ms=timing.first_token_ms,
        total_ms=timing.total_ms,
        request_id=stream.summary.request_id or "",
        **counts,
    )


def billed(stream: ChatStream) -> float | None:
    """US dollars, where the provider says what it billed."""
    usage = stream.answer.usage
    return usage.cost if usage else None


def failed(request: Request, error: LlmctlError) -> Request:
    """The entry of a request that ended with this error."""
    attempts = max(request.attempts, error.attempts)
    request_id = request.request_id or error.request_id or ""
    return replace(request, status=error.code, http_status=error.status, attempts=attempts, request_id=request_id)
