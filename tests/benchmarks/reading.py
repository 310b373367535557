"""A client that reads many streams at once, and sees whether anything is missing from them."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import cast

import httptools

from benchmarks.load import Asked, run

_NUMBER = re.compile(rb'"content":" (\d+)"')


@dataclass
class Received:
    """What one stream has brought. Times in seconds."""

    status: int = 0
    body: bytearray = field(default_factory=bytearray)
    gaps: list[float] = field(default_factory=list)
    """Between one portion and the next."""
    whole: bool = False
    """The body came to its end."""

    def wrong(self, count: int) -> int:
        """How many of so many numbered events are missing or out of place; the end counts as one."""
        numbers = [int(number) for number in _NUMBER.findall(self.body)]
        wrong: int = sum(got != due for got, due in zip_longest(numbers, range(count)))
        return wrong + (not self.whole or not self.body.endswith(b"data: [DONE]\n\n"))


def streams(asked: Asked, count: int, at_once: int | None = None) -> list[Received]:
    """Read so many streams, all at once or `at_once` at a time, each on a connection of its own."""
    request = asked.bytes(True)

    async def main() -> list[Received]:
        free = asyncio.Semaphore(at_once or count)

        async def one() -> Received:
            async with free:
                loop = asyncio.get_running_loop()
                ended = loop.create_future()
                _, reader = await loop.create_connection(
                    lambda: _StreamReader(request, ended), "127.0.0.1", asked.port
                )
                try:
                    async with asyncio.timeout(30):
                        await ended
                finally:
                    reader.transport.abort()
                return reader.received

        return await asyncio.gather(*(one() for _ in range(count)))

    found: list[Received] = run(main())
    return found


class _StreamReader(asyncio.Protocol):
    """Asks once, and notes when what comes. `ended` is set once the connection is closed."""

    transport: asyncio.Transport

    def __init__(self, request: bytes, ended: asyncio.Future[None]) -> None:
        self.received = Received()
        self._request = request
        self._ended = ended
        self._parser = httptools.HttpResponseParser(self)
        self._now = time.perf_counter  # uvloop counts milliseconds
        self._last = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are not derived from it
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now, before = self._now(), len(self.received.body)
        self._parser.feed_data(data)
        if len(self.received.body) > before:
            if self._last:
                self.received.gaps.append(now - self._last)
            self._last = now

    def connection_lost(self, error: Exception | None) -> None:
        if not self._ended.done():  # else nobody waits any more
            self._ended.set_result(None)

    def on_headers_complete(self) -> None:
        self.received.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self.received.body += body

    def on_message_complete(self) -> None:
        self.received.whole = True
        self.transport.close()
