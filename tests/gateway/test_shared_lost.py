"""A Redis that is lost stops no answers, is told of once, and is found again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

import pytest

from llmctl.gateway.shared import LocalShared
from llmctl.gateway.shared_degrading import Degrading
from llmctl.gateway.shared_redis import RedisShared
from support.redis_server import RedisServer

LIMIT = 30
"""Seconds."""


class Told:
    """What `tell` heard, and a way to wait for more."""

    def __init__(self):
        self.lines = []
        self._more = asyncio.Event()

    def __call__(self, line):
        self.lines.append(line)
        self._more.set()

    async def wait(self, count):
        async with asyncio.timeout(LIMIT):
            while len(self.lines) < count:
                self._more.clear()
                await self._more.wait()


@pytest.mark.peer
@pytest.mark.parametrize(
    "how",
    ["killed", pytest.param("silent", marks=pytest.mark.skipif(sys.platform == "win32", reason="no SIGSTOP"))],
)
def test_a_lost_redis_stops_no_answers_and_is_found_again(tmp_path, how):
    async def main(server):
        told = Told()
        shared = Degrading(RedisShared(server.url), LocalShared(), told)
        assert await shared.take("k", 2, None) is None
        await shared.add_cost("k", 1.0, "total")
        server.stop() if how == "killed" else os.kill(server.pid, signal.SIGSTOP)

        answers = await asyncio.gather(*(shared.take("k", 2, None) for _ in range(20)))
        assert answers.count(None) == 1, "what this process counted before still counts"
        assert await shared.cost("k", "total") == 1.0
        await shared.add_cost("k", 0.5, "total")
        await shared.put_cooldown("a/b", time.time() + 100, "x")
        assert list(await shared.cooldowns()) == ["a/b"]
        await shared.publish("w", b"me")
        assert await shared.peers() == {"w": b"me"}
        await shared.ask_cancel("e")
        assert await shared.cancels() == {"e"}
        assert shared.lost
        assert len(told.lines) == 1
        assert told.lines[0].startswith("limits and cooldowns are this process's own for now: ")
        assert ("no answer in 0.25 s" in told.lines[0]) == (how == "silent")

        server.start() if how == "killed" else os.kill(server.pid, signal.SIGCONT)
        await told.wait(2)
        assert told.lines[1:] == ["limits and cooldowns are shared again"]
        assert not shared.lost
        await shared.close()
        other = RedisShared(server.url)
        assert await other.cost("k", "total") == 1.5, "what it forgot is known again, and the debt was paid"
        await other.close()

    with RedisServer(tmp_path) as server:
        asyncio.run(main(server))


@pytest.mark.peer
def test_closing_while_redis_is_lost(tmp_path):
    async def main():
        with RedisServer(tmp_path) as server:
            url = server.url
        told = Told()
        shared = Degrading(RedisShared(url), LocalShared(), told)
        assert await shared.take("k", 1, None) is None
        await shared.close()
        assert len(told.lines) == 1
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
