"""The cache in SQLite: what was put is got, it has its bounds, and no trouble with it reaches a client."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.caching import DAY, MB, answer, run
from llmctl.gateway.cache_sqlite import SqliteCache


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "cache.db"


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
