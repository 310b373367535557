"""The cache of answers: what is the same request, what is kept, and that no trouble with it reaches a client."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import stat
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmctl.errors import ConfigError
from llmctl.gateway.cache import Cached, CacheWish, cache_key, cache_wish, may_keep
from llmctl.gateway.cache_redis import RedisCache
from llmctl.gateway.cache_sqlite import SqliteCache
from support.redis_server import RedisServer

FIELDS = {"model": b'"m"', "messages": b"[]"}
DAY = 86400.0
MB = 1024 * 1024


def answer(body: bytes = b"{}", **more: Any) -> Cached:
    headers = [(b"content-type", b"application/json"), (b"x-request-id", b"\xffr")]
    return replace(Cached(200, headers, body, "work/m", time.time(), 3, 5, 0.25), **more)


def run(job: Coroutine[Any, Any, None]) -> None:
    asyncio.run(job)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "cache.db"


def test_a_key_is_that_of_the_same_request_only() -> None:
    key = cache_key("ann", "chat", "work/m", FIELDS)
    assert len(key) == 64
    assert key == cache_key("ann", "chat", "work/m", dict(reversed(FIELDS.items())))
    others = [
        cache_key("bob", "chat", "work/m", FIELDS),
        cache_key("ann", "completions", "work/m", FIELDS),
        cache_key("ann", "chat", "work/n", FIELDS),
        cache_key("ann", "chat", "work/m", {**FIELDS, "stream": b"true"}),
        cache_key("ann", "chat", "work/m", {**FIELDS, "model": b'"n"'}),
        cache_key("ann", "chat", "work/m", {"model": b"[]", "messages": b'"m"'}),
        cache_key("ann", "chat", "work/m", {"model": b'"m"'}),
    ]
    assert len({key, *others}) == len(others) + 1


requests = st.tuples(
    st.text("a:1"),
    st.text("a:1"),
    st.text("a:1"),
    st.dictionaries(st.text("a:1"), st.binary(max_size=3), max_size=3),
)


@settings(deadline=None)
@given(requests, requests)
def test_keys_never_collide_by_how_things_are_put_together(one: Any, other: Any) -> None:
    assert (cache_key(*one) == cache_key(*other)) == (one == other)


def test_where_one_part_ends_counts() -> None:
    assert cache_key("a", "bc", "", {}) != cache_key("ab", "c", "", {})
    assert cache_key("", "", "", {"a": b"bc"}) != cache_key("", "", "", {"ab": b"c"})
    assert cache_key("", "", "ab", {}) != cache_key("", "", "", {"a": b"b"})


@pytest.mark.parametrize(
    ("door", "status", "reasons", "complete", "kept"),
    [
        ("chat", 200, ["stop"], True, True),
        ("chat", 200, ["stop", "tool_calls"], True, True),
        ("completions", 200, {"function_call"}, True, True),
        ("embeddings", 200, [], True, True),
        ("chat", 200, [], True, False),
        ("chat", 200, ["stop"], False, False),
        ("chat", 200, ["length"], True, False),
        ("chat", 200, ["stop", "content_filter"], True, False),
        ("chat", 200, ["stop", ""], True, False),
        ("chat", 201, ["stop"], True, False),
        ("chat", 500, ["stop"], True, False),
        ("embeddings", 200, [], False, False),
        ("images", 200, [], True, False),
    ],
)
def test_only_whole_answers_are_kept(
    door: str, status: int, reasons: list[str], complete: bool, kept: bool
) -> None:
    assert may_keep(door, status, reasons, complete) is kept


@pytest.mark.parametrize(
    ("headers", "wish"),
    [
        ({}, CacheWish()),
        ({"x-other": "on"}, CacheWish()),
        ({"x-llmctl-cache": "on"}, CacheWish(True, True)),
        ({"x-llmctl-cache": "OFF"}, CacheWish(False, False)),
        ({"x-llmctl-cache": "refresh"}, CacheWish(False, True)),
        ({"x-llmctl-cache": "max-age=60"}, CacheWish(True, True, 60.0)),
        ({"x-llmctl-cache": " on , max-age=0.5,surely"}, CacheWish(True, True, 0.5)),
        ({"x-llmctl-cache": "refresh, max-age=60"}, CacheWish(False, True, 60.0)),
        ({"x-llmctl-cache": "max-age=-1, max-age=x, max-age=nan"}, CacheWish()),
        ({"x-llmctl-cache": "max-age=" + "9" * 400}, CacheWish()),
        ({"cache-control": "no-cache"}, CacheWish(use=False)),
        ({"cache-control": "no-store"}, CacheWish(store=False)),
        ({"cache-control": 'max-age="60", private'}, CacheWish(max_age=60.0)),
        ({"cache-control": "no-cache, no-store", "x-llmctl-cache": "on"}, CacheWish(True, True)),
        ({"cache-control": "max-age=9", "x-llmctl-cache": "on"}, CacheWish(True, True, 9.0)),
    ],
)
def test_what_a_request_wishes(headers: dict[str, str], wish: CacheWish) -> None:
    assert cache_wish([(name.encode(), value.encode()) for name, value in headers.items()]) == wish


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([b"x-llmctl-cache", b"cache-control"]), st.binary(max_size=40))))
def test_no_header_is_an_error(headers: list[tuple[bytes, bytes]]) -> None:
    wish = cache_wish(headers)
    assert wish.max_age is None or wish.max_age >= 0


def test_what_was_put_is_got(path: Path) -> None:
    async def job() -> None:
        cache = SqliteCache(path, MB)
        assert await cache.get("k", DAY) is None
        stored = answer(b"\x00\xff" * 1000, target="work/\ud800", completion_tokens=None)
        await cache.put("k", stored)
        assert await cache.get("k", DAY) == replace(stored, target="work/?")
        await cache.put("k", answer(b"newer"))
        newer = await cache.get("k", DAY)
        assert newer
        assert newer.body == b"newer"
        await cache.close()
        await cache.close()
        await cache.put("late", answer())
        assert await cache.get("k", DAY) is None
        again = SqliteCache(path, MB)
        assert await again.get("k", DAY) == newer
        await again.close()

    run(job())


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_the_files_are_private(path: Path) -> None:
    async def job() -> None:
        cache = SqliteCache(path, MB)
        await cache.put("k", answer())
        assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        await cache.close()

    run(job())


def test_nothing_is_opened_before_it_is_used(path: Path) -> None:
    cache = SqliteCache(path, MB)
    assert not path.parent.exists()
    run(cache.close())
    assert not path.parent.exists()


def test_answers_that_are_too_old_are_none(path: Path) -> None:
    async def job() -> None:
        cache = SqliteCache(path, MB, max_age=DAY)
        await cache.put("k", answer(stored=time.time() - 100))
        assert await cache.get("k", 101.0)
        assert await cache.get("k", 99.0) is None
        assert await cache.get("k", 0.0) is None
        await cache.close()

    run(job())


def test_old_answers_are_removed_from_the_file(path: Path) -> None:
    async def job() -> None:
        cache = SqliteCache(path, MB)
        await cache.put("old", answer(stored=time.time() - 2 * DAY))
        await cache.close()
        cache = SqliteCache(path, MB, max_age=DAY)
        await cache.put("new", answer())
        await cache.close()
        assert keys(path) == {"new"}

    run(job())


def keys(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    try:
        return {key for (key,) in connection.execute("SELECT key FROM answers")}
    finally:
        connection.close()


def test_what_was_not_used_for_longest_makes_room(path: Path) -> None:
    async def job() -> None:
        cache = SqliteCache(path, 45_000)
        for number in range(4):
            await cache.put(f"k{number}", answer(b"x" * 10_000))
        assert await cache.get("k0", DAY)  # so k1 is the oldest
        await cache.put("k4", answer(b"x" * 10_000))
        assert [number for number in range(5) if await cache.get(f"k{number}", DAY)] == [0, 2, 3, 4]
        await cache.put("k5", answer(b"x" * 35_000))
        assert [number for number in range(6) if await cache.get(f"k{number}", DAY)] == [5]
        await cache.put("k6", answer(b"x" * 50_000))  # more than there is room for in all
        assert await cache.get("k6", DAY) is None
        assert await cache.get("k5", DAY)
        await cache.close()

    run(job())


def test_use_is_remembered_by_the_file(path: Path) -> None:
    async def job() -> None:
        cache = SqliteCache(path, 25_000)
        await cache.put("a", answer(b"x" * 10_000))
        await cache.put("b", answer(b"x" * 10_000))
        assert await cache.get("a", DAY)
        await cache.close()
        cache = SqliteCache(path, 25_000)
        await cache.put("c", answer(b"x" * 10_000))
        await cache.close()
        assert keys(path) == {"a", "c"}

    run(job())


def test_the_room_is_counted_over_all_processes_and_replacements(path: Path) -> None:
    async def job() -> None:
        caches = [SqliteCache(path, 60_000) for _ in range(3)]
        await asyncio.gather(
            *(cache.put(f"k{number}", answer(b"x" * 10_000)) for number in range(20) for cache in caches)
        )
        for cache in caches:
            await cache.close()
        connection = sqlite3.connect(path)
        total, rows = connection.execute("SELECT bytes, (SELECT sum(size) FROM answers) FROM total").fetchone()
        connection.close()
        assert total == rows <= 60_000
        assert len(keys(path)) == 5

    run(job())


def spoil(path: Path, keep: int) -> None:
    """Overwrite the file behind its first bytes, as a power cut may."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(keep)
        file.write(b"\x55" * (size - keep))


@pytest.mark.parametrize("keep", [0, 100, 4096])
@pytest.mark.parametrize("first", ["get", "put"])
def test_a_damaged_file_is_replaced_and_told_once(path: Path, keep: int, first: str) -> None:
    async def job() -> None:
        told: list[str] = []
        cache = SqliteCache(path, MB)
        for number in range(20):
            await cache.put(f"k{number}", answer(b"x" * 2000))
        await cache.close()
        spoil(path, keep)
        cache = SqliteCache(path, MB, tell=told.append)
        if first == "get":
            assert await cache.get("k1", DAY) is None
        await cache.put("new", answer())
        assert await cache.get("new", DAY)
        assert await cache.get("k1", DAY) is None
        await cache.close()
        assert told == [f"the cache {path} was damaged; a new one has begun"]
        assert keys(path) == {"new"}

    run(job())


async def spoiled_under_two(path: Path, told: list[str]) -> tuple[SqliteCache, SqliteCache]:
    """Two caches that have the file open for reading when it is damaged."""
    first = SqliteCache(path, MB)
    for number in range(20):
        await first.put(f"k{number}", answer(b"x" * 2000))
    await first.close()
    caches = SqliteCache(path, MB, tell=told.append), SqliteCache(path, MB, tell=told.append)
    for cache in caches:
        assert await cache.get("nothing", DAY) is None
    spoil(path, 4096)
    return caches


@pytest.mark.parametrize("first", ["get", "put"])
def test_a_file_that_another_process_has_replaced_is_left(path: Path, first: str) -> None:
    async def job() -> None:
        told: list[str] = []
        one, other = await spoiled_under_two(path, told)
        await one.put("a", answer())
        assert await one.get("a", DAY)
        if first == "get":
            assert await other.get("k1", DAY) is None
        await other.put("b", answer())
        for cache in (one, other):
            assert await cache.get("a", DAY)
            assert await cache.get("b", DAY)
            await cache.close()
        assert told == [f"the cache {path} was damaged; a new one has begun"]

    run(job())


def test_a_file_that_was_removed_is_made_again(path: Path) -> None:
    async def job() -> None:
        told: list[str] = []
        cache = SqliteCache(path, MB, tell=told.append)
        await cache.put("k", answer())
        assert await cache.get("k", DAY)
        shutil.rmtree(path.parent)
        await cache.put("l", answer())
        assert await cache.get("l", DAY)
        assert await cache.get("k", DAY) is None
        await cache.close()
        assert keys(path) == {"l"}
        assert told == []

    run(job())


def test_many_requests_meet_a_damaged_file_at_once(path: Path) -> None:
    async def job() -> None:
        told: list[str] = []
        caches = await spoiled_under_two(path, told)
        jobs = [cache.get(f"k{number}", DAY) for number in range(20) for cache in caches]
        await asyncio.gather(
            *jobs, *(cache.put(f"n{number}", answer()) for number in range(9) for cache in caches)
        )
        for cache in caches:
            await cache.put("last", answer())
            assert await cache.get("last", DAY)
            await cache.close()
        assert told == [f"the cache {path} was damaged; a new one has begun"]
        assert "n8" in keys(path)

    run(job())


def test_a_file_of_another_version_begins_anew(path: Path) -> None:
    async def job() -> None:
        path.parent.mkdir()
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE answers (something TEXT)")
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        told: list[str] = []
        cache = SqliteCache(path, MB, tell=told.append)
        await cache.put("k", answer())
        assert await cache.get("k", DAY)
        await cache.close()
        assert told == []

    run(job())


def test_an_entry_that_nobody_understands_is_none(path: Path) -> None:
    async def job() -> None:
        cache = SqliteCache(path, MB)
        await cache.put("k", answer())
        connection = sqlite3.connect(path, isolation_level=None)
        for value in (b"\xc1", b"\x80", b""):
            connection.execute("UPDATE answers SET value = ?", (value,))
            assert await cache.get("k", DAY) is None
        connection.close()
        await cache.close()

    run(job())


def test_a_place_that_can_not_be_used_is_told_once_and_again_when_it_can(path: Path) -> None:
    async def job() -> None:
        told: list[str] = []
        path.parent.write_text("a file in the way")
        cache = SqliteCache(path, MB, tell=told.append)
        for _ in range(3):
            assert await cache.get("k", DAY) is None
            await cache.put("k", answer())
        assert len(told) == 1
        assert told[0].startswith(f"the cache {path} can't be used (")
        path.parent.unlink()
        await cache.put("k", answer())
        assert await cache.get("k", DAY)
        assert told[1:] == [f"the cache {path} can be used again"]
        await cache.close()

    run(job())


def test_readers_do_not_wait_for_a_writer(path: Path) -> None:
    async def job() -> None:
        told: list[str] = []
        cache = SqliteCache(path, MB, tell=told.append)
        await cache.put("k", answer())
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert await cache.get("k", DAY)
        waiting = asyncio.create_task(cache.put("l", answer()))
        for _ in range(100):
            assert await cache.get("k", DAY)
        other.execute("COMMIT")
        other.close()
        await waiting
        assert await cache.get("l", DAY)
        await cache.close()
        assert told == []

    run(job())


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
        one, other = (RedisCache(redis.url, DAY, told.append) for _ in range(2))
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
        cache = RedisCache(redis.url.replace("redis://", "valkey://"), DAY)
        await cache.put("k", answer())
        assert await cache.get("k", DAY)
        await cache.close()

    run(job())


@pytest.mark.parametrize("url", ["http://:secret-word@x", "redis://:secret-word@x:port", "secret-word"])
def test_a_url_that_is_none_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RedisCache(url, DAY)
    assert "secret-word" not in f"{caught.value.message} {caught.value.hint}"
