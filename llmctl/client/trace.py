"""A transport that tells somebody what goes over the wire."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import Protocol

from llmctl.client.deadline import Deadline
from llmctl.client.transport import HttpReply, Transport
from llmctl.core.requests import HttpRequest
from llmctl.errors import LlmctlError


class Listener(Protocol):
    """Hears of each request, in this order; several may be under way, so each comes with its number."""

    def sent(self, number: int, request: HttpRequest) -> None:
        """It goes out now."""

    def replied(self, number: int, reply: HttpReply, seconds: float) -> None:
        """The headers have come, so long after sending."""

    def received(self, number: int, data: bytes) -> None:
        """A part of the body, as it came."""

    def ended(self, number: int, seconds: float, size: int, error: LlmctlError | None) -> None:
        """Body and connection are done with; `size` is the body's bytes."""


class TracedTransport:
    """Passes everything on to another transport, and tells the listener."""

    def __init__(self, transport: Transport, listener: Listener) -> None:
        self._transport = transport
        self._listener = listener
        self._number = 0

    async def send(self, request: HttpRequest, deadline: Deadline) -> HttpReply:
        self._number += 1
        number, started = self._number, time.monotonic()
        self._listener.sent(number, request)
        try:
            reply = await self._transport.send(request, deadline)
        except LlmctlError as error:
            self._listener.ended(number, time.monotonic() - started, 0, error)
            raise
        self._listener.replied(number, reply, time.monotonic() - started)
        return HttpReply(reply.status, reply.headers, self._chunks(number, reply, started), reply.release)

    async def _chunks(self, number: int, reply: HttpReply, started: float) -> AsyncGenerator[bytes, None]:
        size, failed = 0, None
        try:
            async for chunk in reply.chunks:
                size += len(chunk)
                self._listener.received(number, chunk)
                yield chunk
        except LlmctlError as error:
            failed = error
            raise
        finally:
            self._listener.ended(number, time.monotonic() - started, size, failed)
            await reply.chunks.aclose()

    async def sleep(self, seconds: float) -> None:
        await self._transport.sleep(seconds)

    async def close(self) -> None:
        await self._transport.close()
