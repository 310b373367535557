"""A client that leaves takes its request along: the provider sees its connection closed at once."""

from __future__ import annotations

import json

import pytest

from support.gateway import CHAT, chat_body
from support.upstream import Hang, Reply
from support.wire import chunk, completion, models, text_stream

CONFIG = """
[profiles.a]
base_url = "{a}"
retries = 0
[profiles.b]
base_url = "{b}"
retries = 0
[profiles.c]
base_url = "{c}"
retries = 2

[routes.race]
strategy = "race"
targets = ["a/race", "b/race", "c/race"]
[routes.race-whole]
strategy = "race"
targets = ["a/race-whole", "b/race-whole"]
[routes.left]
strategy = "race"
targets = ["a/left", "b/left"]
[routes.hedged]
strategy = "hedge"
hedge_after = 0.05
targets = ["a/hedged", "b/hedged"]
[routes.shadowed]
targets = ["a/shadowed"]
shadow = "b/shadow"

[serve]
drain = 0.3
"""
FINE = Reply.sse(*text_stream("fine"))


def leave(client, how):
    client.reset() if how == "reset" else client.close()


def outcome(stage, model):
    """What the log says of a request."""
    return json.loads(stage.gateway.wait_said(f'"model": "{model}"'))


@pytest.mark.parametrize("how", ["close", "reset"])
def test_while_it_streams(stage, how):
    gate = stage.a.gate()
    stage.a.script(Reply.sse(chunk("a"), gate, Hang()))
    client = stage.gateway.begin(f"a/streaming-{how}", stream=True)
    client.piece(client.head())
    gate.wait_reached()
    leave(client, how)
    stage.a.wait_closed(stage.a.last.connection)
    line = outcome(stage, f"a/streaming-{how}")
    assert (line["outcome"], line["attempts"][0][1]) == ("client_left", "client_left")


@pytest.mark.parametrize("how", ["close", "reset"])
def test_before_the_first_token(stage, how):
    stage.a.script(Reply.sse(chunk("", role="assistant"), Hang()))
    client = stage.gateway.begin(f"a/first-{how}", stream=True)
    stage.a.wait_requests(1)
    leave(client, how)
    stage.a.wait_closed(stage.a.last.connection)
    line = outcome(stage, f"a/first-{how}")
    assert (line["outcome"], line["attempts"][0][1]) == ("client_left", "client_left")


@pytest.mark.parametrize(
    "reply", [Reply.hang(), Reply.stream([b'{"id":', Hang()])], ids=["no head", "half a body"]
)
def test_while_a_whole_answer_is_made(stage, reply):
    stage.a.script(reply)
    client = stage.gateway.begin("a/whole")
    stage.a.wait_requests(1)
    client.close()
    stage.a.wait_closed(stage.a.last.connection)


def test_while_something_else_is_passed_through(stage):
    stage.a.script(Reply.stream([b"x" * 1000, Hang()], headers={"Content-Type": "application/octet-stream"}))
    client = stage.gateway.client()
    client.send("GET", "/v1/files/f/content", headers={"x-llmctl-profile": "a"})
    client.piece(client.head())
    client.close()
    stage.a.wait_closed(stage.a.last.connection)


def test_while_an_upload_goes_up(stage):
    client = stage.gateway.client()
    client.raw(
        b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nX-Llmctl-Profile: a\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n" + b"x" * 60000
    )
    with stage.gateway.client() as other:
        assert other.ask("GET", "/healthz").status == 200
    connections = stage.a.connections
    client.close()
    if connections:
        assert stage.a.requests == []  # it never was whole


def test_while_it_waits_to_try_again(stage):
    """The wait between two tries ends as well, and nothing is asked any more."""
    stage.c.script(Reply(429, {"Retry-After": "1"}), Reply(body=completion("late")))
    client = stage.gateway.begin("c/waiting")
    stage.c.wait_requests(1)
    client.close()
    line = outcome(stage, "c/waiting")
    assert line["outcome"] == "client_left"
    assert len(stage.c.requests) == 1


def test_while_the_models_are_being_listed(stage):
    """Nobody waits for the answer any more: no provider must be asked for it."""
    gate = stage.a.gate()
    listed = Reply.stream([gate, json.dumps(models("only-here"))], headers={"Content-Type": "application/json"})
    stage.a.route("/v1/models", listed)
    client = stage.gateway.begin("only-here")
    gate.wait_reached()
    client.close()
    stage.a.script(Reply.hang(), Reply.hang())
    gate.open()
    said = stage.gateway.wait_said('"model": "only-here"', timeout=5)
    assert json.loads(said)["outcome"] == "client_left"
    for request in [request for request in stage.a.requests if request.path == CHAT]:
        stage.a.wait_closed(request.connection)


def test_while_a_request_is_queued_behind_another(stage):
    """With pipelining, the second one is never asked."""
    stage.a.script(Reply.hang())
    client = stage.gateway.client()
    requests = [client.request("POST", CHAT, chat_body(f"a/queued-{n}")) for n in range(2)]
    client.raw(b"".join(requests))
    stage.a.wait_requests(1)
    client.reset()
    stage.a.wait_closed(stage.a.last.connection)
    assert len(stage.a.requests) == 1


# losers


def race(stage, loser, *winner):
    """A race that b wins, once all three have been asked."""
    gate = stage.b.gate("start")
    stage.a.script(loser)
    stage.b.script(Reply.sse(gate, *winner))
    stage.c.script(loser)
    client = stage.gateway.begin("race", stream=True)
    for upstream in stage.upstreams:
        upstream.wait_requests(1)
    gate.open()
    return client


@pytest.mark.parametrize(
    "loser", [Reply.hang(), Reply.sse(Hang()), Reply.sse(chunk("", role="assistant"), Hang())]
)
def test_losers_of_a_race(stage, loser):
    with race(stage, loser, *text_stream("fine")) as client:
        answer = client.answer()
    assert (answer.text, answer.headers["x-llmctl-profile"]) == ("fine", "b")
    assert answer.headers["x-llmctl-attempts"] == "3"
    for upstream in (stage.a, stage.c):
        upstream.wait_closed(upstream.last.connection)


def test_losers_are_closed_while_the_winner_still_streams(stage):
    gate = stage.b.gate()
    with race(stage, Reply.hang(), chunk("a"), gate, chunk("b", finish="stop")) as client:
        answer = client.head()
        client.piece(answer)
        for upstream in (stage.a, stage.c):
            upstream.wait_closed(upstream.last.connection)
        gate.open()
        client.rest(answer)
    assert answer.done
    assert answer.text == "ab"


def test_losers_of_a_race_for_a_whole_answer(stage):
    gate = stage.b.gate()
    stage.a.script(Reply.hang())
    stage.b.script(
        Reply.stream([gate, json.dumps(completion("fine"))], headers={"Content-Type": "application/json"})
    )
    with stage.gateway.begin("race-whole") as client:
        stage.a.wait_requests(1)
        gate.open()
        assert client.answer().text == "fine"
    stage.a.wait_closed(stage.a.last.connection)
    line = outcome(stage, "race-whole")
    assert sorted(attempt[1] for attempt in line["attempts"]) == ["lost", "ok"]


def test_the_slow_one_that_was_hedged(stage):
    stage.a.script(Reply.sse(Hang()))
    stage.b.script(FINE)
    answer = stage.gateway.stream("hedged")
    assert answer.headers["x-llmctl-profile"] == "b"
    stage.a.wait_closed(stage.a.last.connection)


def test_all_targets_of_a_race_when_the_client_leaves(stage):
    stage.a.script(Reply.hang())
    stage.b.script(Reply.sse(Hang()))
    client = stage.gateway.begin("left", stream=True)
    stage.a.wait_requests(1)
    stage.b.wait_requests(1)
    client.close()
    stage.a.wait_closed(stage.a.last.connection)
    stage.b.wait_closed(stage.b.last.connection)
    line = outcome(stage, "left")
    assert [attempt[1] for attempt in line["attempts"]] == ["client_left", "client_left"]


def test_a_connection_whose_stream_was_read_to_its_end_is_kept(stage):
    stage.a.script(FINE, FINE)
    for _ in range(2):
        assert stage.gateway.stream("a/kept").done
    assert len({request.connection for request in stage.a.requests}) == 1
    assert not stage.a.client_closed(stage.a.last.connection)
