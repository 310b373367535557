"""Two replicas that share Redis and PostgreSQL: what one knows, the other knows."""

from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.replicas import Replicas, add_key, replicas, until
from support.upstream import Gate, Reply, Upstream
from support.wire import chunk, completion, error_body, text_stream, usage

if sys.platform == "win32":
    pytest.skip("the servers are run as Debian has them", allow_module_level=True)
pytest.importorskip("psycopg")
pytest.importorskip("redis")

from support.postgres_server import PostgresServer
from support.redis_server import RedisServer

pytestmark = pytest.mark.peer

CONFIG = """
[profiles.a]
base_url = "{a}/v1"
retries = 0
[profiles.b]
base_url = "{b}/v1"
retries = 0

[routes.pair]
targets = ["a/limited", "b/spare"]
[routes.failing]
targets = ["a/failing", "b/spare"]
[routes.kept]
targets = ["b/kept"]
cache = true

[prices."b/dear"]
input = 100000.0
output = 0.0

[serve]
keys = true
drain = 0.3
redis_url = "{redis}"
database_url = "{postgres}"
"""
TOKENS = 7
FINE = Reply(body=completion("fine", usage=usage(5, 2)))
LIMITED = Reply(429, {"Retry-After": "60"}, error_body("slow down", "rate_limit_error"))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """(the replicas, upstream a, upstream b, PostgreSQL)."""
    folder = tmp_path_factory.mktemp("replicas")
    with RedisServer(folder) as redis, PostgresServer() as postgres, Upstream() as a, Upstream(default=FINE) as b:
        config = CONFIG.format(a=a.url, b=b.url, redis=redis.url, postgres=postgres.url)
        with replicas(folder, config, "first") as pair:
            pair.admin = pair.key("admin", "--admin")
            yield pair, a, b, postgres


@pytest.fixture
def pair(world) -> Replicas:
    pair, a, b, _ = world
    a.forget()
    b.forget()
    return pair


@pytest.fixture
def a(world, pair):
    return world[1]


@pytest.fixture
def b(world, pair):
    return world[2]


def running(gateway, pair):
    """The requests in flight at both, as this one tells."""
    return [entry["model"] for entry in gateway.get("/api/state", pair.admin).json()["inflight"]]


def over(gateway, answer):
    """The answer, once everything that follows from it has been told."""
    gateway.wait_said(answer.headers["x-llmctl-id"])
    return answer


def cancelled_from_the_other(pair, b, model):
    """A stream at `two` that is seen and ended at `one`: what its client has got."""
    b.script(Reply.sse(chunk("half"), Gate()))
    with pair.two.client() as client:
        body = {"model": f"b/{model}", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
        client.send("POST", "/v1/chat/completions", body, pair.admin)
        answer = client.head()
        until(lambda: f"b/{model}" in running(pair.one, pair))
        assert pair.one.ask("POST", f"/api/cancel/{answer.headers['x-llmctl-id']}", None, pair.admin).status == 200
        client.rest(answer)
    return answer


def test_keys_come_and_go_for_both(pair):
    headers = add_key(pair.two.cli, "guest")
    until(lambda: [gateway.chat("b/m", headers=headers).status for gateway in pair.both] == [200, 200])
    pair.one.cli.run("serve", "key", "revoke", "guest").check()
    until(lambda: [gateway.chat("b/m", headers=headers).status for gateway in pair.both] == [401, 401])


def test_requests_a_minute_are_counted_over_both(pair, b):
    headers = pair.key("requests", "--requests-per-minute", "5")
    answers = pair.at_once("b/m", headers, each=10)
    assert Counter(answer.status for answer in answers) == {200: 5, 429: 15}
    assert len(b.requests) == 5
    for answer in answers:
        if answer.status == 429:
            assert 0 < int(answer.headers["retry-after"]) <= 60


def test_tokens_a_minute_are_counted_over_both(pair):
    headers = pair.key("tokens", "--tokens-per-minute", str(TOKENS + 1))
    for gateway in pair.both:
        assert over(gateway, gateway.chat("b/m", headers=headers)).status == 200
    for gateway in pair.both:
        refused = gateway.chat("b/m", headers=headers)
        assert refused.status == 429
        assert "tokens" in refused.error["message"]


@pytest.mark.parametrize("period", ["", "/day"])
def test_a_budget_is_one_for_both(pair, period):
    headers = pair.key(f"budget{len(period)}", "--budget", f"0.9{period}")
    for gateway in pair.both:
        assert over(gateway, gateway.chat("b/dear", headers=headers)).status == 200  # 0.5 each
    for gateway in pair.both:
        refused = gateway.chat("b/dear", headers=headers)
        assert refused.status == 402
        assert "budget" in refused.error["message"]


def test_a_request_is_seen_and_ended_from_the_other(pair, b):
    answer = cancelled_from_the_other(pair, b, "watched")
    assert answer.text == "half"
    assert not answer.done
    assert "ended" in answer.events[-1]["error"]["message"]
    b.wait_closed(b.last.connection)
    until(lambda: running(pair.one, pair) == [])


def test_a_target_that_rests_at_one_rests_at_the_other(pair, a, b):
    a.script(LIMITED)
    answer = pair.one.chat("pair", headers=pair.admin)
    assert (answer.status, answer.headers["x-llmctl-profile"]) == (200, "b")
    for number in range(2):  # after two rounds of its beat it has heard
        cancelled_from_the_other(pair, b, f"round{number}")
    answer = pair.two.chat("pair", headers=pair.admin)
    assert (answer.status, answer.headers["x-llmctl-profile"]) == (200, "b")
    assert answer.headers["x-llmctl-attempts"] == "1"
    assert len(a.requests) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_one_has_kept_is_given_by_the_other(pair, b, stream):
    b.script(Reply.sse(*text_stream("kept", usage=usage())) if stream else Reply(body=completion("kept")))
    first, second = (
        over(gateway, gateway.chat("kept", "Keep", pair.admin, stream=stream)) for gateway in pair.both
    )
    assert [answer.headers["x-llmctl-cache"] for answer in (first, second)] == ["miss", "hit"]
    assert second.body == first.body
    assert second.text == "kept"
    assert len(b.requests) == 1


def test_each_attempt_of_both_is_in_the_ledger_once(world, pair, a):
    a.default = Reply(400, body=error_body("no such thing"))
    a.route("/v1/chat/completions", Reply(500, body=error_body("broken")))
    models = ["b/m", "failing"]

    def ask(number):
        return pair.both[number % 2].chat(models[number // 2 % 2], headers=pair.admin)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(40)))
    assert {answer.status for answer in answers} == {200}
    expected = {answer.headers["x-llmctl-id"]: int(answer.headers["x-llmctl-attempts"]) for answer in answers}
    assert set(expected.values()) == {1, 2}

    def written():
        rows = world[3].rows("SELECT entry, COUNT(*) FROM llmctl.requests GROUP BY entry")
        return {entry: count for entry, count in rows if entry in expected}

    until(lambda: sum(written().values()) >= sum(expected.values()))
    assert written() == expected
