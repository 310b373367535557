"""What processes share: the same answers from memory, SQLite and Redis, and none that waits for a lost Redis."""

from __future__ import annotations

import asyncio
import multiprocessing
import stat
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmctl.errors import ConfigError, StoreFailed
from llmctl.gateway.shared import LocalShared
from llmctl.gateway.shared_degrading import Degrading
from llmctl.gateway.shared_redis import RedisShared
from llmctl.gateway.shared_sqlite import SqliteShared
from support.clock import Clock
from support.redis_server import RedisServer
from support.taking import take_many

NOON = 1_795_262_400.0  # 2026-11-21 12:00 UTC
DAY = 86_400.0
LIMIT = 30
ROUNDS = 300
PASSWORD = "test-redis-password"


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


def emptied(server, clock):
    """A client of a server that holds nothing."""
    from redis import Redis

    with Redis.from_url(server.url) as client:
        client.flushall()
    return RedisShared(server.url, clock)


@pytest.fixture(params=["local", "sqlite", "degrading", pytest.param("redis", marks=pytest.mark.peer)])
def make(request, tmp_path):
    """make(clock): one of them, empty the first time."""
    if request.param == "redis":
        server = request.getfixturevalue("redis")
        return lambda clock: emptied(server, clock)
    if request.param == "sqlite":
        return lambda clock: SqliteShared(tmp_path / "run" / "shared.db", clock)
    if request.param == "degrading":
        return lambda clock: Degrading(LocalShared(clock), LocalShared(clock), pytest.fail)
    return LocalShared


@pytest.fixture
def use(make):
    """use(test): runs test(shared, clock) and closes."""

    def use(test):
        async def main():
            clock = Clock(NOON)
            shared = make(clock)
            try:
                return await test(shared, clock)
            finally:
                await shared.close()

        return asyncio.run(main())

    return use


def test_requests_slide_with_the_seconds(use):
    async def test(shared, clock):
        for step in (0, 10, 10):
            clock.now += step
            assert await shared.take("k", 3, None) is None
        assert await shared.take("k", 3, None) == 40.0
        assert await shared.take("other", 3, None) is None
        clock.now += 39.5
        assert await shared.take("k", 3, None) == 0.5
        clock.now += 0.5
        assert await shared.take("k", 3, None) is None
        assert await shared.take("k", 3, None) == 10.0
        assert await shared.take("k", 2, None) == 20.0
        assert await shared.take("k", None, None) is None

    use(test)


def test_what_is_refused_does_not_count(use):
    async def test(shared, clock):
        await shared.take("k", 1, None)
        for _ in range(5):
            assert await shared.take("k", 1, None) == 60.0
        clock.now += 60
        assert await shared.take("k", 1, None) is None

    use(test)


def test_tokens_and_the_longer_wait_of_both(use):
    async def test(shared, clock):
        await shared.add_tokens("k", 50)
        clock.now += 5
        await shared.add_tokens("k", 60)
        assert await shared.take("k", 10, 111) is None
        assert await shared.take("k", None, 110) == 55.0
        assert await shared.take("k", None, 60) == 60.0
        assert await shared.take("k", 1, 110) == 60.0
        clock.now += 200
        assert await shared.take("k", 1, 1) is None

    use(test)


def test_clocks_that_differ_a_little(use):
    async def test(shared, clock):
        await shared.add_tokens("k", 50)
        clock.now -= 5
        await shared.add_tokens("k", 10)
        clock.now += 5
        assert await shared.take("k", None, 60) == 55.0

    use(test)


def test_costs_by_period(use):
    async def test(shared, clock):
        for period in ("day", "month", "total"):
            await shared.add_cost("k", 0.25, period)
            await shared.add_cost("k", 0.000001, period)
            await shared.raise_cost("k", 0.1, period)
            assert await shared.cost("k", period) == pytest.approx(0.250001)
            await shared.raise_cost("k", 3.0, period)
            await shared.add_cost("k", 1e-7, period)
            assert await shared.cost("k", period) == pytest.approx(3.0000001)
            assert await shared.cost("other", period) == 0.0
        clock.now += DAY
        assert [await shared.cost("k", p) > 0 for p in ("day", "month", "total")] == [False, True, True]
        await shared.add_cost("k", 1.0, "day")
        await shared.raise_cost("k", 0.5, "day")
        assert await shared.cost("k", "day") == 1.0
        clock.now += 10 * DAY
        await shared.raise_cost("k", 0.5, "day")
        assert [await shared.cost("k", p) for p in ("day", "month")] == [0.5, 0.0]

    use(test)


def test_cooldowns(use):
    async def test(shared, clock):
        await shared.put_cooldown("groq/a", NOON + 10, "429: wait")
        await shared.put_cooldown("groq/b", NOON + 10, "ä\n\t%s")
        await shared.put_cooldown("groq/b", NOON + 20, "503 “busy”")
        await shared.put_cooldown("groq/c", NOON + 99, "x")
        await shared.clear_cooldown("groq/c")
        await shared.clear_cooldown("never")
        assert await shared.cooldowns() == {
            "groq/a": (NOON + 10, "429: wait"),
            "groq/b": (NOON + 20, "503 “busy”"),
        }
        clock.now += 10
        assert await shared.cooldowns() == {"groq/b": (NOON + 20, "503 “busy”")}

    use(test)


def test_workers_know_those_that_live(use):
    async def test(shared, clock):
        assert await shared.peers() == {}
        await shared.publish("w1", b"old")
        await shared.publish("w1", b"\x00new\n\xff")
        clock.now += 3
        await shared.publish("w2", b"{}")
        assert await shared.peers() == {"w1": b"\x00new\n\xff", "w2": b"{}"}
        clock.now += 3
        assert await shared.peers() == {"w2": b"{}"}

    use(test)


def test_wishes_to_cancel(use):
    async def test(shared, clock):
        assert await shared.cancels() == set()
        await shared.ask_cancel("e1")
        clock.now += 6
        await shared.ask_cancel("e2")
        assert await shared.cancels() == {"e1", "e2"}
        clock.now += 6
        assert await shared.cancels() == {"e2"}

    use(test)


def in_turns(*tries):
    """Each try, time passing between them: (seconds that pass, tokens added, requests limit, tokens limit)."""

    async def run(shared, clock):
        answers = []
        for passes, tokens, requests_limit, tokens_limit in tries:
            clock.now += passes
            if tokens:
                await shared.add_tokens("k", tokens)
            wait = await shared.take("k", requests_limit, tokens_limit)
            answers.append(None if wait is None else round(wait, 3))
        await shared.close()
        return answers

    return run


TRIES = st.lists(
    st.tuples(
        st.integers(0, 80).map(lambda quarter: quarter / 4),
        st.integers(0, 50),
        st.none() | st.integers(0, 5),
        st.none() | st.integers(0, 100),
    ),
    max_size=12,
)


@given(TRIES)
@settings(deadline=None, max_examples=50)
def test_sqlite_answers_as_memory_does(tmp_path_factory, tries):
    async def main():
        local, file = Clock(NOON), Clock(NOON)
        path = tmp_path_factory.mktemp("shared") / "shared.db"
        expected = await in_turns(*tries)(LocalShared(local), local)
        assert await in_turns(*tries)(SqliteShared(path, file), file) == expected

    asyncio.run(main())


@pytest.mark.peer
@given(TRIES)
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_redis_answers_as_memory_does(redis, tries):
    async def main():
        local, other = Clock(NOON), Clock(NOON)
        expected = await in_turns(*tries)(LocalShared(local), local)
        assert await in_turns(*tries)(emptied(redis, other), other) == expected

    asyncio.run(main())


def test_the_file_is_for_its_owner_only(tmp_path):
    async def main():
        path = tmp_path / "run" / "shared.db"
        shared = SqliteShared(path)
        await shared.take("k", 1, 1)
        assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        await shared.close()

    asyncio.run(main())


@pytest.mark.parametrize("what", ["folder", "garbage"])
def test_a_file_that_can_not_be_used_is_named(tmp_path, what):
    path = tmp_path / "shared.db"
    path.mkdir() if what == "folder" else path.write_bytes(b"no database" * 500)
    with pytest.raises(StoreFailed, match=r"the workers can't share .*shared\.db: "):
        SqliteShared(path)


def test_the_file_is_exact_across_processes(tmp_path):
    path, context = tmp_path / "shared.db", multiprocessing.get_context("spawn")
    together, pipes, processes = context.Barrier(3), [], []
    for _ in range(3):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=take_many, args=(path, together, theirs, ROUNDS))
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    taken = [pipe.recv() for pipe in pipes]
    for process in processes:
        process.join()

    async def cost():
        shared = SqliteShared(path)
        try:
            return await shared.cost("k", "total")
        finally:
            await shared.close()

    assert sum(taken) == ROUNDS
    assert asyncio.run(cost()) == 3 * ROUNDS


@pytest.mark.peer
def test_redis_is_exact_across_connections(redis):
    async def main():
        shares = [emptied(redis, time.time), RedisShared(redis.url), RedisShared(redis.url)]
        taken = await asyncio.gather(*(each.take("k", LIMIT, None) for each in shares for _ in range(LIMIT)))
        for each in shares:
            await each.close()
        return taken.count(None)

    assert asyncio.run(main()) == LIMIT


@pytest.mark.peer
def test_everything_in_redis_has_our_prefix_and_an_end(redis):
    from redis import Redis

    async def main():
        shared = emptied(redis, time.time)
        await shared.take("k", 5, 5)
        await shared.add_tokens("t", 5)
        for period in ("day", "month", "total"):
            await shared.add_cost("k", 1.0, period)
            await shared.raise_cost("r", 1.0, period)
        await shared.put_cooldown("a", time.time() + 50, "x")
        await shared.publish("w", b"x")
        await shared.ask_cancel("e")
        await shared.close()

    asyncio.run(main())
    with Redis.from_url(redis.url) as client:
        found = {key: client.ttl(key) for key in client.scan_iter()}
    assert len(found) == 11
    assert all(key.startswith(b"llmctl:") and 0 < ttl <= 400 * DAY for key, ttl in found.items())


@pytest.mark.peer
@pytest.mark.parametrize("scheme", ["redis", "valkey"])
def test_schemes_and_passwords(tmp_path, scheme):
    async def main(url):
        shared = RedisShared(url)
        try:
            return await shared.take("k", 1, None)
        finally:
            await shared.close()

    with RedisServer(tmp_path, PASSWORD) as server:
        url = server.url.replace("redis://", f"{scheme}://")
        assert asyncio.run(main(url)) is None
        with pytest.raises(StoreFailed) as caught:
            asyncio.run(main(url.replace(PASSWORD, "wrong-password")))
    assert "password" in caught.value.message
    assert "wrong-password" not in caught.value.message


def test_a_url_that_is_none_is_not_repeated():
    with pytest.raises(ConfigError) as caught:
        RedisShared(f"valkeys://:{PASSWORD}@host:port/0")
    assert PASSWORD not in f"{caught.value.message} {caught.value.hint} {caught.value.__cause__}"
