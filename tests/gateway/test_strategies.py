"""How a route chooses: race, hedge, round-robin, cheapest, fastest, split, shadow."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from contextlib import closing

import pytest

from support.upstream import Delay, Reply
from support.wire import chunk, completion, error_body, text_stream, usage

CONFIG = """
[profiles.a]
base_url = "{a}"
retries = 0
[profiles.b]
base_url = "{b}"
retries = 0
[profiles.c]
base_url = "{c}"
retries = 0

[routes.race]
strategy = "race"
targets = ["a/race", "b/race", "c/race"]
[routes.race-failing]
strategy = "race"
targets = ["a/race-failing", "b/race-failing"]
[routes.race-lost]
strategy = "race"
targets = ["a/race-lost", "b/race-lost"]
[routes.hedge]
strategy = "hedge"
hedge_after = 0.1
targets = ["a/hedge", "b/hedge", "c/hedge"]
[routes.hedge-quick]
strategy = "hedge"
hedge_after = 5
targets = ["a/hedge-quick", "b/hedge-quick"]
[routes.hedge-measured]
strategy = "hedge"
targets = ["a/hedge-measured", "b/hedge-measured"]
[routes.hedge-failing]
strategy = "hedge"
hedge_after = 30
targets = ["a/hedge-failing", "b/hedge-failing"]
[routes.turns]
strategy = "round-robin"
targets = ["a/turns", "b/turns", "c/turns"]
[routes.weights]
strategy = "round-robin"
targets = ["a/weights", "b/weights", "c/weights"]
weights = [5, 1, 0]
[routes.turns-failing]
strategy = "round-robin"
targets = ["a/turns-failing", "b/turns-failing"]
[routes.cheapest]
strategy = "cheapest"
targets = ["a/cheap", "b/cheap", "c/cheap"]
[routes.fastest]
strategy = "fastest"
targets = ["a/fastest", "b/fastest"]
[routes.split]
split = { "a/split" = 90, "b/split" = 10, "c/split" = 0 }
[routes.shadow]
targets = ["a/shadow"]
shadow = "b/shadow"
[routes.shadow-failing]
targets = ["a/shadow-failing"]
shadow = "b/shadow-failing"
[routes.shadow-never]
targets = ["a/shadow-never"]
shadow = "b/shadow-never"
shadow_share = 0.0

[prices."a/cheap"]
input = 3
output = 3
[prices."b/cheap"]
input = 1
output = 1
[prices."a/race-lost"]
input = 1000000
output = 1000000
[prices."b/race-lost"]
input = 1000000
output = 1000000

[serve]
drain = 0.3
"""
FINE = Reply.sse(*text_stream("fine"))
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def answers(stage, stream=False):
    """Every upstream answers with its name, always."""
    for name in "abc":
        said = Reply.sse(*text_stream(name)) if stream else Reply(body=completion(name))
        getattr(stage, name).default = said


def log_of(stage, answer):
    return json.loads(stage.gateway.wait_said(answer.headers["x-llmctl-id"]))


def rows(stage, query, *values):
    """Rows of the store, once there are any."""
    end = time.monotonic() + 20
    while True:
        try:
            with closing(sqlite3.connect(next(stage.cli.root.rglob("llmctl.db")))) as store:
                found = store.execute(query, values).fetchall()
        except (StopIteration, sqlite3.OperationalError):
            found = []
        if found:
            return found
        assert time.monotonic() < end, f"nothing came of {query}"


@BOTH
def test_race_asks_all_and_gives_the_first(stage, stream):
    gates = [stage.a.gate("a"), stage.c.gate("c")]
    last = chunk("fine", finish="stop")
    body = json.dumps(completion("fine"))
    kind = {"Content-Type": "application/json"}
    for upstream, gate in zip((stage.a, stage.c), gates, strict=True):
        upstream.script(Reply.sse(gate, last) if stream else Reply.stream([gate, body], headers=kind))
    start = stage.b.gate("start")
    stage.b.script(Reply.sse(start, last) if stream else Reply.stream([start, body], headers=kind))
    with stage.gateway.begin("race", stream=stream) as client:
        for upstream in stage.upstreams:
            upstream.wait_requests(1)
        start.open()
        answer = client.answer()
    assert (answer.text, answer.headers["x-llmctl-profile"]) == ("fine", "b")
    assert sorted(attempt[1] for attempt in log_of(stage, answer)["attempts"]) == ["lost", "lost", "ok"]


@BOTH
def test_a_racer_that_fails_is_no_winner(stage, stream):
    stage.a.default = Reply(500)
    stage.b.default = Reply.sse(Delay(0.1), *text_stream("fine")) if stream else Reply(body=completion("fine"))
    assert stage.gateway.chat("race-failing", stream=stream).text == "fine"


def test_a_race_that_all_lose(stage):
    stage.a.default = Reply(500)
    stage.b.default = Reply(400, body=error_body("no such parameter"))
    answer = stage.gateway.chat("race-lost")
    assert (answer.status, answer.error["message"]) == (400, "no such parameter")


def test_every_attempt_is_in_the_ledger(stage):
    stage.a.default = Reply(500)
    stage.b.default = Reply(body=completion("fine", usage=usage(3, 2)))
    assert stage.gateway.chat("race-lost").text == "fine"
    log_of(stage, stage.gateway.chat("race-lost"))
    found = rows(stage, "SELECT profile, status, cost FROM requests WHERE model = 'race-lost' AND status = 'ok'")
    assert ("b", "ok", 5.0) in found
    assert rows(stage, "SELECT 1 FROM requests WHERE model = 'race-lost' AND profile = 'a'")


def test_hedge_asks_the_next_one_when_the_first_is_slow(stage):
    gate = stage.a.gate()
    stage.a.default = Reply.sse(gate, *text_stream("late"))
    stage.b.default = FINE
    answer = stage.gateway.stream("hedge")
    assert (answer.text, answer.headers["x-llmctl-profile"], answer.headers["x-llmctl-attempts"]) == (
        "fine",
        "b",
        "2",
    )
    assert stage.c.requests == []
    line = log_of(stage, answer)
    assert [attempt[1] for attempt in line["attempts"]] == ["lost", "ok"]
    assert line["attempts"][1][2].startswith("hedge")


def test_hedge_still_takes_the_first_ones_answer(stage):
    first, second = stage.a.gate("first"), stage.b.gate("second")
    stage.a.default = Reply.sse(first, *text_stream("first"))
    stage.b.default = Reply.sse(second, *text_stream("second"))
    with stage.gateway.begin("hedge", stream=True) as client:
        stage.b.wait_requests(1)
        first.open()
        assert client.answer().text == "first"
    stage.b.wait_closed(stage.b.last.connection)


def test_hedge_leaves_the_next_one_alone_when_the_first_is_quick(stage):
    answers(stage)
    assert stage.gateway.chat("hedge-quick").headers["x-llmctl-attempts"] == "1"
    assert stage.b.requests == []


def test_hedge_goes_on_at_once_when_the_first_fails(stage):
    stage.a.default = Reply(503)
    stage.b.default = FINE
    assert stage.gateway.stream("hedge-failing").text == "fine"


def test_hedge_waits_as_long_as_the_first_usually_takes(stage):
    """Five quick answers are known of the first: the second is asked long before the default of 2 s."""
    answers(stage, stream=True)
    for _ in range(5):
        assert stage.gateway.stream("hedge-measured").headers["x-llmctl-profile"] in "ab"
    for _ in range(5):
        stage.gateway.stream("a/hedge-measured")
    gate = stage.a.gate()
    stage.a.default = Reply.sse(gate, *text_stream("late"))
    began = time.monotonic()
    assert stage.gateway.stream("hedge-measured").text == "b"
    assert time.monotonic() - began < 1.9


def asked(stage, route, times, stream=False):
    return Counter(stage.gateway.chat(route, stream=stream).headers["x-llmctl-profile"] for _ in range(times))


def test_round_robin(stage):
    answers(stage)
    seen = [stage.gateway.chat("turns").headers["x-llmctl-profile"] for _ in range(6)]
    assert sorted(seen[:3]) == ["a", "b", "c"]
    assert seen[:3] == seen[3:]


def test_round_robin_with_weights(stage):
    answers(stage)
    assert asked(stage, "weights", 12) == {"a": 10, "b": 2}


def test_round_robin_stands_in_for_one_that_fails(stage):
    answers(stage)
    stage.a.default = Reply(500)
    assert asked(stage, "turns-failing", 6) == {"b": 6}


def test_cheapest(stage):
    """One without a price comes last."""
    answers(stage)
    assert asked(stage, "cheapest", 3) == {"b": 3}
    stage.b.default = Reply(500)
    assert asked(stage, "cheapest", 3) == {"a": 3}


def test_fastest(stage):
    """Both are measured first; then the quicker one is asked."""
    answers(stage)
    slow = Reply.stream([Delay(0.02), json.dumps(completion("a"))], headers={"Content-Type": "application/json"})
    stage.a.default = slow
    assert asked(stage, "fastest", 2) == {"a": 1, "b": 1}
    assert asked(stage, "fastest", 10) == {"b": 10}


def test_split(stage):
    answers(stage)
    seen = asked(stage, "split", 200)
    assert 150 < seen["a"] < 199
    assert seen["a"] + seen["b"] == 200


def test_split_records_its_answers(stage):
    answers(stage)
    answer = stage.gateway.chat("split", "A question to split")
    query = "SELECT answers FROM comparisons WHERE entry = ?"
    found = json.loads(rows(stage, query, answer.headers["x-llmctl-id"])[0][0])
    assert [(one["target"], one["part"]) for one in found] == [(f"{answer.text}/split", "answer")]


@BOTH
def test_a_shadow_is_asked_and_both_answers_are_recorded(stage, stream):
    answers(stage, stream)
    answer = stage.gateway.chat("shadow", "Who is there?", stream=stream)
    assert (answer.text, answer.headers["x-llmctl-profile"]) == ("a", "a")
    query = "SELECT route, request, answers FROM comparisons WHERE entry = ?"
    route, request, found = rows(stage, query, answer.headers["x-llmctl-id"])[0]
    assert route == "shadow"
    assert json.loads(request)["messages"][0]["content"] == "Who is there?"
    parts = {one["part"]: one for one in json.loads(found)}
    assert parts["answer"]["target"] == "a/shadow"
    assert parts["shadow"]["target"] == "b/shadow"
    assert '"content": "b"' in parts["shadow"]["answer"]


def test_nobody_waits_for_the_shadow(stage):
    answers(stage)
    gate = stage.b.gate()
    stage.b.default = Reply.stream(
        [gate, json.dumps(completion("b"))], headers={"Content-Type": "application/json"}
    )
    answer = stage.gateway.chat("shadow")
    assert answer.text == "a"
    stage.b.wait_requests(1)
    gate.open()
    found = rows(stage, "SELECT answers FROM comparisons WHERE entry = ?", answer.headers["x-llmctl-id"])
    assert len(json.loads(found[0][0])) == 2


def test_a_shadow_that_fails_is_nobodys_trouble(stage):
    answers(stage)
    stage.b.default = Reply(500)
    answer = stage.gateway.chat("shadow-failing")
    assert answer.text == "a"
    found = rows(stage, "SELECT answers FROM comparisons WHERE entry = ?", answer.headers["x-llmctl-id"])
    parts = {one["part"]: one["status"] for one in json.loads(found[0][0])}
    assert parts["answer"] == "ok"
    assert parts["shadow"] != "ok"


def test_a_share_of_none_asks_no_shadow(stage):
    answers(stage)
    for _ in range(5):
        assert stage.gateway.chat("shadow-never").text == "a"
    assert stage.b.requests == []
