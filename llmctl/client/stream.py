"""An answer as it comes: bytes to events, with everything that is known about it at the end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from llmctl.client.deadline import Deadline
from llmctl.client.transport import MAX_BODY, HttpReply, decoded
from llmctl.core.answer import Answer
from llmctl.core.chat import ChatDecoder
from llmctl.core.events import Event
from llmctl.core.quirks import Quirks
from llmctl.core.sse import SSEDecoder
from llmctl.errors import NotUnderstood, StreamBroken, TimedOut


@dataclass
class Timing:
    """Milliseconds from sending the request (the successful attempt's). None where nothing is known."""

    first_token_ms: float | None = None
    total_ms: float | None = None

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


class ChatStream:
    """Iterate over it for the events. `answer` collects them, `timing` and `summary` fill up.

    Leaving the iteration early closes the connection, which makes the provider stop.
    """

    def __init__(self, start: Callable[[ChatStream], AsyncGenerator[Event, None]]) -> None:
        self.answer = Answer()
        self.timing = Timing()
        self.summary = Summary()
        self._events = start(self)

    def __aiter__(self) -> AsyncIterator[Event]:
        return self._events

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
        whole = head[:1] in (b"{", b"[", b"<")
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
