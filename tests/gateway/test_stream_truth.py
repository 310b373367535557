"""Streams of unusual shapes: what is whole passes, what isn't says so, and nothing is held without a bound."""

from __future__ import annotations

import json

import pytest

from support.upstream import Cut, Delay, Hang, Raw, Reply
from support.wire import chunk, completion, error_body, text_stream

CONFIG = """
[profiles.a]
base_url = "{a}"
retries = 0
timeout = { connect = 2, first_token = 20, idle = 20, total = 40 }

[profiles.b]
base_url = "{b}"
retries = 0

[routes.fast]
targets = ["a/m", "b/m"]

[serve]
keepalive = 0.1
"""
FINE = Reply.sse(*text_stream("fine"))
ENDED = chunk(finish="stop")
JSON = completion("Hello")


def data(payload):
    return b"data: " + (payload if isinstance(payload, bytes) else json.dumps(payload).encode()) + b"\n\n"


# how many answers were asked for


def test_a_choice_that_never_came_is_missed(stage):
    stage.a.script(Reply.sse(chunk("one"), ENDED, done=False))
    answer = stage.gateway.stream("a/m", n=2)
    assert not answer.whole
    assert "broke off" in json.loads(answer.payloads[-1])["error"]["message"]


def test_each_prompt_has_its_choice(stage):
    text = {
        "id": "c",
        "object": "text_completion",
        "choices": [{"index": 0, "text": "a", "finish_reason": "stop"}],
    }
    stage.a.script(Reply.sse(text, done=False))
    asked = {"model": "a/m", "prompt": ["x", "y"], "stream": True}
    assert not stage.gateway.ask("POST", "/v1/completions", asked).whole


def test_all_choices_are_enough(stage):
    other = {**ENDED, "choices": [{**ENDED["choices"][0], "index": 1}]}
    stage.a.script(Reply.sse(chunk("one"), ENDED, other, done=False))
    assert stage.gateway.stream("a/m", n=2).done


# cuts inside an event


HALF = b'data: {"id": "chatcmpl-1", "object": "chat.completi'


@pytest.mark.parametrize("framing", [{"chunked": False}, {"chunked": True}], ids=["closed", "chunked"])
def test_half_an_event_is_a_stream_that_broke_off(stage, framing):
    stage.a.script(Reply.sse(chunk("one"), HALF, done=False, **framing))
    answer = stage.gateway.stream("a/m")
    assert not answer.whole
    assert json.loads(answer.payloads[-1])["error"]["code"] == "stream_broken"


@pytest.mark.parametrize("end", [[HALF], [HALF, Cut()], [Cut()]], ids=["closed", "cut", "between"])
def test_after_the_finish_reason_nothing_is_missing(stage, end):
    stage.a.script(Reply.sse(chunk("one"), ENDED, *end, done=False, chunked=False))
    answer = stage.gateway.stream("a/m")
    assert answer.done
    assert [event["choices"][0]["finish_reason"] for event in answer.events] == [None, "stop"]


# JSON though a stream was asked for, under any name


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON", "text/plain", "text/event-stream", None])
def test_json_becomes_a_stream_whatever_it_is_called(stage, kind):
    body = json.dumps(JSON).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n" + (f"Content-Type: {kind}\r\n" if kind else "")
    stage.a.script(Reply.raw(head.encode() + b"\r\n" + body))
    answer = stage.gateway.stream("a/m")
    assert answer.done
    assert "".join(event["choices"][0]["delta"].get("content") or "" for event in answer.events) == "Hello"


@pytest.mark.parametrize("kind", ["text/plain", "text/event-stream"])
def test_an_error_as_json_is_told_whatever_it_is_called(stage, kind):
    stage.a.script(Reply(200, {"Content-Type": kind}, error_body("no more money", code="insufficient_quota")))
    answer = stage.gateway.stream("a/m")
    assert answer.status == 402
    assert answer.error["message"] == "no more money"


@pytest.mark.parametrize("kind", ["text/plain", "text/event-stream"])
def test_json_that_was_asked_for_stays_json(stage, kind):
    stage.a.script(Reply(200, {"Content-Type": kind}, JSON))
    answer = stage.gateway.chat("a/m")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == JSON


def test_a_stream_is_one_whatever_it_is_called(stage):
    stage.a.script(Reply.sse(*text_stream("Hi"), headers={"Content-Type": "application/json"}))
    assert stage.gateway.stream("a/m").done


def test_a_stream_though_none_was_asked_for_is_passed_on(stage):
    stage.a.script(Reply.sse(*text_stream("Hi")))
    answer = stage.gateway.chat("a/m", stream="true")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.done


# what comes before a token


def test_events_without_a_token_are_held_up_to_a_limit(stage):
    role = data(chunk("", role="assistant", x="y" * 1_000_000))
    stage.a.script(Reply.sse(*[role] * 12, Hang(), done=False))
    stage.b.script(FINE)
    answer = stage.gateway.stream("fast")
    assert answer.headers["x-llmctl-profile"] == "b"
    assert answer.done


def test_white_space_is_no_answer(stage):
    stage.a.script(Reply.sse(*[b"\n" * 1_000_000] * 12, Hang(), done=False))
    stage.b.script(FINE)
    assert stage.gateway.stream("fast").headers["x-llmctl-profile"] == "b"


def test_an_error_status_does_not_wait_for_its_body(stage):
    stage.a.script(Reply.stream([b'{"error":', Hang()], status=500))
    stage.b.script(FINE)
    assert stage.gateway.stream("fast").headers["x-llmctl-profile"] == "b"


def test_a_429_whose_body_never_comes_is_a_429(stage):
    stage.a.script(Reply.stream([b"{", Hang()], status=429, headers={"Retry-After": "7"}))
    answer = stage.gateway.chat("a/limited")
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")


# odd lines


@pytest.mark.parametrize("end", [b"\r\n\r", b"\n\r", b"\r\n\n", b"\n\r\n"])
def test_blank_lines_may_be_mixed(stage, end):
    events = [data(event).rstrip(b"\n") + end for event in text_stream("Hi", " there")]
    stage.a.script(Reply.sse(*events))
    answer = stage.gateway.stream("a/m")
    assert answer.done
    assert "".join(event["choices"][0]["delta"].get("content") or "" for event in answer.events) == "Hi there"


@pytest.mark.parametrize(
    "ping", [b"event: ping\ndata: {}\n\n", b"data: {}\n\n", b'event: ping\ndata: {"a": 1}\n\n']
)
def test_pings_of_other_shapes_become_comments(stage, ping):
    stage.a.script(Reply.sse(ping, chunk("one"), ping, ENDED))
    answer = stage.gateway.stream("a/m")
    assert answer.done
    assert all(event["choices"] for event in answer.events)
    assert b": ping\n\n" in answer.body


def test_a_connection_left_open_after_done_holds_nobody(stage):
    stage.a.script(Reply.sse(*text_stream("Hi"), "[DONE]", Hang(), done=False))
    answer = stage.gateway.stream("a/m")
    assert answer.done
    state = stage.gateway.get("/api/state").json()
    assert state["inflight"] == []


# streams of doors that are passed through


def generate(stage):
    return stage.gateway.ask("POST", "/v1/images/generations", {"model": "a/m", "stream": True})


def test_nothing_is_added_to_a_body_that_is_framed(stage):
    event = b'event: x\ndata: {"a": 1}\n\n'
    gate = stage.a.gate()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % (2 * len(event))
    stage.a.script(Reply(steps=(Raw(head + event), gate, Raw(event)), bare=True))
    with stage.gateway.client() as client:
        client.send("POST", "/v1/images/generations", {"model": "a/m", "stream": True})
        answer = client.head()
        stage.b.script(Reply.sse(chunk("one"), Delay(0.5), ENDED))  # long enough for a ping
        assert b": ping" in stage.gateway.stream("b/m").body
        gate.open()
        client.rest(answer)
    assert answer.body == event * 2


def test_half_an_event_is_not_made_whole(stage):
    stage.a.script(Reply.sse(b'event: x\ndata: {"a": 1}\n\n', b'event: y\ndata: {"b', Cut(), done=False))
    answer = generate(stage)
    assert answer.body == b'event: x\ndata: {"a": 1}\n\nevent: y\ndata: {"b'
    assert not answer.whole
