"""An answer as it comes: bytes to events, with everything that is known about it at the end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from llmctl.client.deadline import Deadline
from llmctl.client.transport import MAX_BODY, HttpReply, decoded
from llmctl.core.answer import Answer
from llmctl.core.chat import ChatDecoder
from llmctl.core.events import Event
from llmctl.core.quirks import Quirks
from llmctl.core.sse import SSEDecoder
from llmctl.errors import NotUnderstood, StreamBroken, TimedOut

_FIELDS = (b":", b"data", b"event", b"id", b"retry")


@dataclass
class Timing:
    """Milliseconds from sending the request (the successful attempt's). None where nothing is known."""

    first_token_ms: float | None = None
    total_ms: float | None = None
    started: float | None = None
    """When it was sent, in seconds since 1970."""

    def tokens_per_second(self, tokens: int | None) -> float | None:
        """From the first token to the end."""
        if not tokens or self.total_ms is None or self.first_token_ms is None:
            return None
        seconds = (self.total_ms - self.first_token_ms) / 1000
        return round(tokens / seconds, 1) if seconds > 0 else None


@dataclass
class Summary:
    """What is known about a request beside its answer."""

    request_id: str | None = None
    attempts: int = 0
    base_url: str | None = None
    notes: tuple[str, ...] = ()


@dataclass
class Record:
    """What is known of an answer so far; complete when the stream has ended."""

    answer: Answer = field(default_factory=Answer)
    timing: Timing = field(default_factory=Timing)
    summary: Summary = field(default_factory=Summary)


class ChatStream:
    """Iterate over it for the events. `answer` collects them, `timing` and `summary` fill up.

    Whoever leaves the iteration early should `close` it, or use it as an async context manager:
    that closes the connection, which makes the provider stop.
    """

    def __init__(self, start: Callable[[Record], AsyncGenerator[Event, None]]) -> None:
        self._record = Record()  # apart from the stream, so that a forgotten stream is freed, and closed, at once
        self._events = start(self._record)

    @property
    def answer(self) -> Answer:
        return self._record.answer

    @property
    def timing(self) -> Timing:
        return self._record.timing

    @property
    def summary(self) -> Summary:
        return self._record.summary

    def __aiter__(self) -> AsyncIterator[Event]:
        return self._events

    async def __aenter__(self) -> ChatStream:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the stream now."""
        await self._events.aclose()


async def read_events(reply: HttpReply, quirks: Quirks, deadline: Deadline) -> AsyncGenerator[Event, None]:
    """The events of a reply with status 200, streamed or whole, whatever its Content-Type says.

    Raises the provider's in-band errors, NotUnderstood, StreamBroken and TimedOut.
    """
    decoder = ChatDecoder(quirks)
    async with aclosing(decoded(reply)) as chunks:
        head = await _head(chunks)
        whole = bool(head) and not _is_stream(head)
        if whole:
            deadline.token()
            for event in decoder.feed(await _rest(head, chunks)):
                yield event
        else:
            async for event in _streamed(head, chunks, decoder):
                deadline.token()
                yield event
    for event in decoder.finish(whole):
        yield event


async def _head(chunks: AsyncGenerator[bytes, None]) -> bytes:
    """The first bytes that are no white space: DeepSeek sends blank lines while a request waits its turn."""
    async for chunk in chunks:
        if start := chunk.lstrip():
            return start
    return b""


def _is_stream(head: bytes) -> bool:
    """Whether it begins as server-sent events do: with a field or a comment, perhaps cut short."""
    head = head.removeprefix(b"\xef\xbb\xbf")
    return any(head.startswith(field) or field.startswith(head) for field in _FIELDS)


async def _rest(head: bytes, chunks: AsyncGenerator[bytes, None]) -> bytes:
    parts, size = [head], len(head)
    async for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > MAX_BODY:
            raise NotUnderstood(f"the reply is larger than {MAX_BODY} bytes")
    return b"".join(parts)


async def _streamed(
    head: bytes, chunks: AsyncGenerator[bytes, None], decoder: ChatDecoder
) -> AsyncGenerator[Event, None]:
    sse = SSEDecoder()
    try:
        for name, data in sse.feed(head):
            for event in decoder.feed(data, name):
                yield event
        while not decoder.done:
            chunk = await anext(chunks, None)
            if chunk is None:
                break
            for name, data in sse.feed(chunk):
                for event in decoder.feed(data, name):
                    yield event
        for event in _last(sse, decoder):
            yield event
    except (StreamBroken, TimedOut):
        if not decoder.complete:
            raise  # after the last finish_reason only usage and [DONE] can be missing


def _last(sse: SSEDecoder, decoder: ChatDecoder) -> list[Event]:
    """What a missing final blank line held back. Half an event is no garbage but a broken stream."""
    events: list[Event] = []
    for name, data in sse.flush():
        try:
            events += decoder.feed(data, name)
        except NotUnderstood as error:
            raise StreamBroken("the stream broke off in the middle of an event") from error
    return events
