"""The cache in Redis: what is put is got, it expires, and a lost Redis costs nothing but the hits."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.caching import DAY, MB, answer, run
from llmctl.errors import ConfigError
from llmctl.gateway.cache_redis import RedisCache
from support.redis_server import RedisServer

PATIENCE = 20.0
"""Seconds: how fast a machine is, is no test's business."""


async def until(check: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Wait for what comes true some time; the test's own time limit is the end of patience."""
    while not await check():
        await asyncio.sleep(0.02)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path, password="pw-of-redis") as server:
        yield server


@pytest.mark.peer
def test_redis_gives_back_what_was_put(redis: RedisServer) -> None:
    async def job() -> None:
        told: list[str] = []
        one, other = (RedisCache(redis.url, DAY, told.append, PATIENCE) for _ in range(2))
        stored = answer(b"\x00\xff" * 1000, stored=time.time() - 100)
        assert await one.get("k", DAY) is None
        await one.put("k", stored)
        assert await other.get("k", DAY) == stored
        assert await other.get("k", 99.0) is None
        await one.put("large", answer(b"x" * 8 * MB))
        assert await other.get("large", DAY) is None
        client = await other_client(redis)
        assert await client.keys() == [b"llmctl:cache:k"]
        assert 0 < await client.ttl("llmctl:cache:k") <= DAY
        for value in (b"", b"\xc1", b"\x80"):
            await client.set("llmctl:cache:k", value)
            assert await one.get("k", DAY) is None
        await client.delete("llmctl:cache:k")
        await client.lpush("llmctl:cache:k", b"of another type")
        assert await one.get("k", DAY) is None
        for closing in (one, other, client):
            await (closing.close() if isinstance(closing, RedisCache) else closing.aclose())
        assert [line.partition(" (")[0] for line in told] == ["the cache in Redis can't be used"]

    run(job())


async def other_client(redis: RedisServer) -> Any:
    from redis.asyncio import Redis

    return Redis.from_url(redis.url)


@pytest.mark.peer
def test_answers_expire_in_redis(redis: RedisServer) -> None:
    async def job() -> None:
        cache = RedisCache(redis.url, 0.1)
        await cache.put("k", answer())
        client = await other_client(redis)

        async def gone() -> bool:
            return await client.keys() == []

        await until(gone)
        await cache.close()
        await client.aclose()

    run(job())


@pytest.mark.peer
@pytest.mark.parametrize("how", ["killed", "silent"])
def test_a_lost_redis_is_a_miss_told_once_and_comes_back(redis: RedisServer, how: str) -> None:
    async def job() -> None:
        told: list[str] = []
        cache = RedisCache(redis.url, DAY, told.append)
        for name in ("a", "b"):
            await cache.put(name, answer(name.encode()))
        if how == "killed":
            redis.stop()
        else:
            os.kill(redis.pid, signal.SIGSTOP)
        found = await asyncio.gather(*(cache.get("a", DAY) for _ in range(100)))
        await cache.put("a", answer())
        assert found == [None] * 100
        assert len(told) == 1
        if how == "killed":
            redis.start()
        else:
            os.kill(redis.pid, signal.SIGCONT)

        async def back() -> bool:
            await cache.put("b", answer(b"b"))
            return await cache.get("b", DAY) is not None

        await until(back)
        b = await cache.get("b", DAY)  # an answer that came too late is not taken for this one's
        assert b
        assert b.body == b"b"
        assert told[1:] == ["the cache in Redis can be used again"]
        assert "pw-of-redis" not in told[0]
        await cache.close()

    run(job())


def test_a_redis_that_is_gone_is_not_tried_for_each_request() -> None:
    async def job() -> None:
        tried = 0

        async def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal tried
            tried += 1
            writer.close()

        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            cache = RedisCache(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}", DAY)
            assert [await cache.get("k", DAY) for _ in range(200)] == [None] * 200
            await cache.close()
        assert 0 < tried < 100

    run(job())


@pytest.mark.peer
def test_a_wrong_password_is_told_without_it(redis: RedisServer) -> None:
    async def job() -> None:
        told: list[str] = []
        cache = RedisCache(redis.url.replace("pw-of", "not-the-pw-of"), DAY, told.append)
        assert await cache.get("k", DAY) is None
        assert told == ["the cache in Redis can't be used (AuthenticationError); answers come from the providers"]
        await cache.close()

    run(job())


@pytest.mark.peer
def test_valkeys_names_for_the_url_are_known(redis: RedisServer) -> None:
    async def job() -> None:
        cache = RedisCache(redis.url.replace("redis://", "valkey://"), DAY, patience=PATIENCE)
        await cache.put("k", answer())
        assert await cache.get("k", DAY)
        await cache.close()

    run(job())


@pytest.mark.parametrize("url", ["http://:secret-word@x", "redis://:secret-word@x:port", "secret-word"])
def test_a_url_that_is_none_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RedisCache(url, DAY)
    assert "secret-word" not in f"{caught.value.message} {caught.value.hint}"
