"""A client that asks at a steady rate, whether or not answers come."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import cast

import httptools

from benchmarks.load import Asked, run

WARM_UP = 0.5
"""Seconds whose answers don't count."""


def latencies(asked: Asked, rate: float, seconds: float) -> list[float]:
    """Ask `rate` times a second, whether or not answers come; the seconds that each answer took, sorted."""
    found: list[float] = run(_Steady(asked).main(rate, seconds))
    return sorted(found)


class _Steady:
    """Keeps as many connections as are needed."""

    def __init__(self, asked: Asked) -> None:
        self._port = asked.port
        self._request = asked.bytes(False)
        self._idle: deque[_Asker] = deque()
        self._all: list[_Asker] = []
        self._took: list[float] = []
        self._statuses: set[int] = set()

    async def main(self, rate: float, seconds: float) -> list[float]:
        now = time.perf_counter
        for _ in range(32):
            self._idle.append(await self._connect())
        begin, sent, warm = now(), 0, 0
        while (passed := now() - begin) < WARM_UP + seconds:
            if not warm and passed >= WARM_UP:
                warm = len(self._took)
            for _ in range(sent, int(passed * rate)):
                asker = self._idle.popleft() if self._idle else await self._connect()
                asker.ask(self._request)
                sent += 1
            await asyncio.sleep(0.001)
        async with asyncio.timeout(10):
            while len(self._took) < sent:
                await asyncio.sleep(0.001)
        for asker in self._all:
            asker.transport.close()
        await asyncio.gather(*(asker.closed for asker in self._all))
        assert self._statuses == {200}, self._statuses
        return self._took[warm:]

    async def _connect(self) -> _Asker:
        loop = asyncio.get_running_loop()
        _, asker = await loop.create_connection(lambda: _Asker(self._answered), "127.0.0.1", self._port)
        self._all.append(asker)
        return asker

    def _answered(self, asker: _Asker, status: int, took: float) -> None:
        self._statuses.add(status)
        self._took.append(took)
        self._idle.append(asker)


class _Asker(asyncio.Protocol):
    """One connection, for one request after the other."""

    transport: asyncio.Transport

    def __init__(self, answered: Callable[[_Asker, int, float], None]) -> None:
        self._answered = answered
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._now = time.perf_counter
        self._asked = 0.0
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are not derived from it

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set_result(None)

    def ask(self, request: bytes) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._asked = self._now()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._answered(self, self._parser.get_status_code(), self._now() - self._asked)
