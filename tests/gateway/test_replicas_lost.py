"""Redis and PostgreSQL go away under two replicas, and come back: answers never stop, and nothing is lost."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from support.cli import Cli
from support.replicas import PATIENCE, Replicas, replicas, until
from support.upstream import Reply, Upstream
from support.wire import completion, usage

if sys.platform == "win32":
    pytest.skip("the servers are run as Debian has them", allow_module_level=True)
pytest.importorskip("psycopg")
pytest.importorskip("redis")

from support.postgres_server import PASSWORD, PostgresServer
from support.redis_server import RedisServer

pytestmark = pytest.mark.peer

CONFIG = """
[profiles.a]
base_url = "{url}/v1"
retries = 0

[routes.kept]
targets = ["a/kept"]
cache = true

[prices."a/dear"]
input = 100000.0
output = 0.0

[serve]
drain = 0.3
"""
FINE = Reply(body=completion("fine", usage=usage(5, 2)))
ALONE, TOGETHER = "this process's own for now", "limits and cooldowns are shared again"
SPOOLED, WRITTEN = "the ledger is kept in", "the ledger is in PostgreSQL again"
KEYS_STAY = "the keys can't be read now, those that are known stay"


@pytest.fixture
def upstream():
    with Upstream(default=FINE) as server:
        yield server


@pytest.fixture
def redis(tmp_path):
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def _postgres():
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres(_postgres):
    """A server that runs, and holds nothing."""
    if _postgres._process is None:
        _postgres.start()
    _postgres.empty()
    return _postgres


def told(gateway, text):
    return sum(text in line for line in gateway.said.splitlines())


class Load:
    """Clients that ask both without a pause, until the end of the block; then `answers` has all."""

    def __init__(self, pair, model, headers=()):
        self.answers, self._pair, self._asked = [], pair, (model, headers)
        self._end, self._more = threading.Event(), threading.Condition()
        self._pool = ThreadPoolExecutor(4)

    def __enter__(self):
        model, headers = self._asked
        self._clients = [self._pool.submit(self._ask, gateway, model, headers) for gateway in self._pair.both * 2]
        return self

    def __exit__(self, *_):
        self._end.set()
        for client in self._clients:
            client.result(PATIENCE)
        self._pool.shutdown()

    def wait_more(self, count):
        """Wait until so many more were answered."""
        with self._more:
            before = len(self.answers)
            assert self._more.wait_for(lambda: len(self.answers) >= before + count, PATIENCE)

    def _ask(self, gateway, model, headers):
        while not self._end.is_set():
            with gateway.client() as client:
                client.sock.settimeout(10)
                answer = client.ask(
                    "POST",
                    "/v1/chat/completions",
                    {"model": model, "messages": [{"role": "user", "content": f"{len(self.answers)}"}]},
                    headers,
                )
            with self._more:
                self.answers.append(answer)
                self._more.notify_all()


def test_redis_is_killed_while_requests_run(tmp_path, upstream, redis):
    config = CONFIG.format(url=upstream.url) + f'redis_url = "{redis.url}"\n'
    with replicas(tmp_path, config) as pair, Load(pair, "kept") as load:
        load.wait_more(20)
        redis.stop()
        load.wait_more(100)
        for gateway in pair.both:
            gateway.wait_said(ALONE)
        redis.start()
        for gateway in pair.both:
            gateway.wait_said(TOGETHER)
            gateway.wait_said("the cache in Redis can be used again")
        load.wait_more(20)
    assert {(answer.status, answer.text) for answer in load.answers} == {(200, "fine")}
    for gateway in pair.both:
        assert [told(gateway, line) for line in (ALONE, TOGETHER)] == [1, 1]
        assert told(gateway, "the cache in Redis can't be used") == 1


def shared_config(upstream, redis, postgres):
    urls = f'redis_url = "{redis.url}"\ndatabase_url = "{postgres.url}"\n'
    return f"{CONFIG.format(url=upstream.url)}keys = true\n{urls}"


def statuses(gateway, headers, count, model="a/m"):
    return Counter(gateway.chat(model, headers=headers).status for _ in range(count))


def test_limits_hold_without_redis_and_after_it(tmp_path, upstream, redis, postgres):
    with replicas(tmp_path, shared_config(upstream, redis, postgres), "first") as pair:
        five = pair.key("five", "--requests-per-minute", "5")
        assert statuses(pair.one, five, 2) == {200: 2}
        assert statuses(pair.two, five, 1) == {200: 1}
        redis.stop()
        assert statuses(pair.one, five, 5) == {200: 3, 429: 2}  # what it counted before still counts
        assert statuses(pair.two, five, 5) == {200: 4, 429: 1}
        redis.start()  # as empty as a new one
        for gateway in pair.both:
            gateway.wait_said(TOGETHER)
            assert statuses(gateway, five, 2) == {429: 2}
        other = pair.key("other", "--requests-per-minute", "5")
        answers = pair.at_once("a/m", other, each=5)
        assert Counter(answer.status for answer in answers) == {200: 5, 429: 5}


def test_a_budget_outlives_redis(tmp_path, upstream, redis, postgres):
    """What was spent before is known, what was spent meanwhile is added up."""
    with replicas(tmp_path, shared_config(upstream, redis, postgres), "first") as pair:
        headers = pair.key("budget", "--budget", "1.9")

        def spend(gateway):
            """0.5, which counts from now on."""
            answer = gateway.chat("a/dear", headers=headers)
            assert answer.status == 200
            gateway.wait_said(answer.headers["x-llmctl-id"])

        spend(pair.one)
        spend(pair.two)
        for gateway in pair.both:  # which looks at the sum
            assert gateway.chat("a/m", headers=headers).status == 200
        redis.stop()
        spend(pair.one)
        spend(pair.two)
        redis.start()
        for gateway in pair.both:
            gateway.wait_said(TOGETHER)
        for gateway in pair.both:
            assert gateway.chat("a/dear", headers=headers).status == 402


def entries(postgres):
    return Counter(entry for (entry,) in postgres.rows("SELECT entry FROM llmctl.requests"))


def test_postgres_is_stopped_while_requests_run(tmp_path, upstream, redis, postgres):
    with replicas(tmp_path, shared_config(upstream, redis, postgres), "first") as pair:
        known = pair.key("known")
        with Load(pair, "a/m", known) as load:
            load.wait_more(20)
            postgres.stop()
            for gateway in pair.both:
                gateway.wait_said(SPOOLED)
                gateway.wait_said(KEYS_STAY)
            load.wait_more(20)
        for gateway in pair.both:
            assert gateway.chat("a/m", headers={"Authorization": "Bearer sk-llmctl-unknown"}).status == 401
            load.answers.append(gateway.chat("a/m", headers=known))
        assert {answer.status for answer in load.answers} == {200}
        postgres.start()
        for gateway in pair.both:
            gateway.wait_said(WRITTEN)
        expected = Counter(answer.headers["x-llmctl-id"] for answer in load.answers)
        until(lambda: entries(postgres) == expected)
        later = pair.key("later")
        assert [statuses(gateway, later, 1) for gateway in pair.both] == [{200: 1}] * 2
        for gateway in pair.both:
            assert [told(gateway, line) for line in (SPOOLED, WRITTEN, KEYS_STAY)] == [1, 1, 1]


def test_both_are_gone_at_the_start(tmp_path, upstream, redis, postgres):
    config = shared_config(upstream, redis, postgres).replace("keys = true", "keys = false")
    redis.stop()
    postgres.stop()
    with replicas(tmp_path, config) as pair:
        ids = [gateway.chat("a/m").headers["x-llmctl-id"] for gateway in pair.both]
        assert {gateway.chat("kept").status for gateway in pair.both} == {200}
        for gateway in pair.both:
            gateway.wait_said(ALONE)
            gateway.wait_said(SPOOLED)
        redis.start()
        postgres.start()
        for gateway in pair.both:
            gateway.wait_said(TOGETHER)
            gateway.wait_said(WRITTEN)
        until(lambda: entries(postgres).keys() >= set(ids))


def test_rows_that_wait_survive_a_restart(tmp_path, upstream, redis, postgres):
    """They are written without any new request."""
    config = shared_config(upstream, redis, postgres).replace("keys = true", "keys = false")
    with closing(Cli(tmp_path / "one")) as one, closing(Cli(tmp_path / "two")) as two:
        for cli in (one, two):
            cli.write_config(config)
        pair = Replicas([one, two])
        postgres.stop()
        ids = [gateway.chat("a/m").headers["x-llmctl-id"] for gateway in pair.both]
        assert [gateway.stop() for gateway in pair.both] == [0, 0]
        postgres.start()
        for gateway in Replicas([one, two]).both:
            gateway.wait_said(WRITTEN)
            assert gateway.stop() == 0
    assert entries(postgres) == Counter(ids)


def test_without_postgres_no_key_can_be_known(cli, upstream, redis, postgres):
    postgres.stop()
    cli.write_config(shared_config(upstream, redis, postgres))
    result = cli.run("serve", "--port", "0").check(3)
    assert "PostgreSQL" in result.err
    assert "Traceback" not in result.err
    assert PASSWORD not in result.err
