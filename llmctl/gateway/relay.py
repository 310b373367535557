"""An answer on its way to the client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from llmctl.client.wire import Headers
from llmctl.errors import LlmctlError, StreamBroken, TimedOut
from llmctl.gateway.answers import Answer, is_event_stream
from llmctl.gateway.attempt import settle
from llmctl.gateway.call import Call
from llmctl.gateway.events import PING, EventTap
from llmctl.gateway.headers import find
from llmctl.gateway.inflate import is_plain
from llmctl.gateway.job import since
from llmctl.gateway.problems import in_band
from llmctl.gateway.upstream import Reply

Capture = Callable[[bytes], None]
"""Sees what the client gets."""

_GRACE = 0.5
"""Seconds for the end of a reply whose last event has come, so that its connection can be kept."""

EVENT_STREAM: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class Pinger:
    """Wakes the reader of a silent stream, so that it can send a comment. It looks now and then."""

    def __init__(self, reply: Reply, seconds: float) -> None:
        self._reply = reply
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self.last = self._loop.time()
        self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        left = self.last + self._seconds - self._loop.time()
        if left <= 0.001:
            self._reply.nudge()
            left = self._seconds
        self._timer = self._loop.call_later(left, self._look)

    def heard(self) -> None:
        self.last = self._loop.time()

    def stop(self) -> None:
        self._timer.cancel()


async def stream(call: Call, answer: Answer, keepalive: float, capture: Capture | None) -> None:
    """Pass a stream on that has begun: whole events, as they come. `capture` sees what the client gets.

    What goes wrong from here on is said in the stream, whose end is then missing.
    """
    tap, reply = answer.tap, answer.reply
    assert tap is not None
    entry = call.entry
    entry.first_token_ms = since(call.clock)
    await _write(call, b"".join(answer.first), capture)
    pinger = Pinger(reply, keepalive)
    try:
        while not tap.done:
            if tap.over:
                await _write(call, await _farewell(reply, tap), capture)
                break
            data = await reply.read()
            if data:
                pinger.heard()
                answer.deadline.alive()
                events = tap.feed(data)
                if events:
                    await _write(call, events[0] if len(events) == 1 else b"".join(events), capture)
                if tap.failure is not None:
                    raise tap.failure
            elif reply.ended:
                await _write(call, b"".join(tap.finish()), capture)
                break
            else:
                await call.write(PING)
    except (StreamBroken, TimedOut) as error:
        if not tap.complete:  # else only usage or the last event can be missing
            raise
        await _write(call, tap.closing, capture)
        answer.attempt.http_status = error.status or answer.attempt.http_status
    finally:
        pinger.stop()
        settle(answer)
    call.end()


async def _farewell(reply: Reply, tap: EventTap) -> bytes:
    """What still comes at once after an answer that is over: [DONE], where the provider sends it."""
    events: list[bytes] = []
    with contextlib.suppress(TimeoutError, LlmctlError):
        async with asyncio.timeout(_GRACE):
            while not tap.done:
                data = await reply.read()
                if not data and reply.ended:
                    break
                events += tap.feed(data)
    return b"".join(events)


async def _write(call: Call, data: bytes, capture: Capture | None) -> None:
    if data:
        if capture is not None:
            capture(data)
        await call.write(data)


async def let_end(reply: Reply) -> None:
    """Read to the end what is as good as there; else give the connection up."""
    with contextlib.suppress(TimeoutError, LlmctlError):
        async with asyncio.timeout(_GRACE):
            while not reply.ended:
                await reply.read()
    await reply.close()


async def tell_broken(call: Call, error: LlmctlError) -> None:
    """Say in the stream what went wrong, and end it in a way that can't be taken for whole."""
    await call.write(in_band(error, call.entry))
    call.cut()


async def through(call: Call, answer: Answer, headers: Headers, keepalive: float) -> None:
    """Pass the bytes of a reply on as they come, whatever they are."""
    reply = answer.reply
    framed = find(reply.headers, b"content-length") is not None or not is_plain(reply.headers)
    events = is_event_stream(reply) and not framed  # else nothing may be added to it
    call.start(reply.status, headers)
    pinger = Pinger(reply, keepalive) if events else None
    between = True  # two events
    try:
        while True:
            data = await reply.read()
            if data:
                between = data.endswith((b"\n\n", b"\r\n\r\n"))
                answer.deadline.token()
                answer.deadline.alive()
                if pinger:
                    pinger.heard()
                await call.write(data)
            elif reply.ended:
                break
            elif between:
                await call.write(PING)
    except LlmctlError as error:
        if events and between:
            await call.write(in_band(error, call.entry))
        raise
    finally:
        if pinger:
            pinger.stop()
    settle(answer)
    call.end()
