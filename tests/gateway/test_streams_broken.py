"""Streams that break: a real status before the first token, said in the stream after it, never a clean end."""

from __future__ import annotations

import json

import pytest

from support.upstream import Cut, Delay, Hang, Raw, Reply, Reset
from support.wire import chunk, completion, error_body, text_stream

CONFIG = """
[profiles.a]
base_url = "{a}"
retries = 0
timeout = { connect = 2, first_token = 0.4, idle = 0.5, total = 20 }

[profiles.b]
base_url = "{b}"
retries = 0

[profiles.c]
base_url = "{c}"
retries = 0

[routes.cut]
targets = ["a/cut", "b/cut"]
[routes.stall]
targets = ["a/stall", "b/stall"]
[routes.silent]
targets = ["a/silent", "b/silent"]
[routes.malformed]
targets = ["a/malformed", "b/malformed"]
[routes.after]
targets = ["a/after", "b/after"]
[routes.in-band]
targets = ["a/in-band", "b/in-band"]

[serve]
drain = 0.3
"""
FINE = Reply.sse(*text_stream("fine"))
ROLE = chunk("", role="assistant")


def data(payload):
    return b"data: " + (payload if isinstance(payload, bytes) else json.dumps(payload).encode()) + b"\n\n"


def broken(answer):
    """The in-band error of a stream that began well and broke: no [DONE], no clean end."""
    assert answer.status == 200
    assert not answer.whole
    assert "[DONE]" not in answer.payloads
    error = json.loads(answer.payloads[-1])["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    return error


# before the first token: a real status, or the next target

CUTS = {
    "refused": Reply.refuse(),
    "reset": Reply.reset(),
    "cut in the head": Reply.raw(b"HTTP/1.1 200 OK\r\nContent-Ty"),
    "cut after the head": Reply.sse(Cut()),
    "cut after the role": Reply.sse(ROLE, Cut()),
    "reset after the role": Reply.sse(ROLE, Reset()),
    "closed after the role": Reply.sse(ROLE, done=False, chunked=False),
    "ended after the role": Reply.sse(ROLE, done=False),
    "done after the role": Reply.sse(ROLE),
    "nothing": Reply.sse(done=False),
    "only done": Reply.sse(),
    "only comments": Reply.sse(b": x\n\n", done=False),
}
MALFORMED = {
    "no JSON": Reply.sse("{nonsense"),
    "no object": Reply.sse("[1, 2]"),
    "no choices": Reply.sse({"choices": "none"}),
    "no UTF-8": Reply.sse(b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n'),
    "HTML": Reply(200, {"Content-Type": "text/html"}, "<html><body>Sign in</body></html>"),
    "HTML as a stream": Reply(200, {"Content-Type": "text/event-stream"}, "<html><body>Sign in</body></html>"),
    "bad chunking": Reply.sse(ROLE, Raw(b"zz\r\nnonsense\r\n")),
    "no HTTP": Reply.raw(b"220 smtp.example.com ESMTP\r\n"),
}


@pytest.mark.parametrize("reply", CUTS.values(), ids=CUTS)
def test_a_cut_before_the_first_token(stage, reply):
    stage.a.script(reply, reply)  # a connection that was kept may have been closed: then it is sent once more
    answer = stage.gateway.stream("a/cut-alone")
    assert answer.status == 502
    assert answer.error["type"] == "server_error"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-should-retry"] == "false"


def test_a_cut_before_the_first_token_goes_to_the_next_target(stage):
    for reply in [CUTS["refused"], CUTS["cut after the role"]]:
        stage.a.script(reply)
        stage.b.script(FINE)
        answer = stage.gateway.stream("cut")
        assert (answer.text, answer.headers["x-llmctl-profile"]) == ("fine", "b")
        assert answer.headers["x-llmctl-attempts"] == "2"
        assert answer.done


def test_a_request_is_not_sent_again_and_again(stage):
    """However many connections are idle, a provider that dies of a request sees it twice at the most."""
    gates = [stage.c.gate(f"{n}") for n in range(4)]
    stage.c.script(*(Reply.stream([gate, json.dumps(completion("fine"))]) for gate in gates))
    clients = [stage.gateway.begin("c/many") for _ in gates]
    for gate in gates:
        gate.wait_reached()
        gate.open()
    for client in clients:
        with client:
            assert client.answer().text == "fine"
    stage.c.forget()
    stage.c.script(*[Reply.refuse()] * 10)
    assert stage.gateway.chat("c/many").status == 502
    assert len(stage.c.requests) <= 2


@pytest.mark.parametrize("reply", MALFORMED.values(), ids=MALFORMED)
def test_garbage_before_the_first_token(stage, reply):
    stage.a.script(reply)
    answer = stage.gateway.stream("a/malformed-alone")
    assert answer.status == 502
    assert answer.error["message"].startswith("a: ")


def test_garbage_before_the_first_token_goes_to_the_next_target(stage):
    stage.a.script(MALFORMED["no JSON"])
    stage.b.script(FINE)
    assert stage.gateway.stream("malformed").text == "fine"


@pytest.mark.parametrize(
    "reply",
    [Reply.hang(), Reply.sse(Hang()), Reply.sse(ROLE, Hang()), Reply.sse(*[b": wait\n\n", Delay(0.15)] * 20)],
    ids=["no head", "head", "role", "comments"],
)
def test_a_stall_past_the_first_token_deadline(stage, reply):
    stage.a.script(reply)
    answer = stage.gateway.stream("a/stall-alone")
    assert answer.status == 504
    assert "timeout.first_token" in answer.error["message"]
    stage.a.wait_closed(stage.a.last.connection)


def test_a_stall_goes_to_the_next_target(stage):
    stage.a.script(Reply.sse(ROLE, Hang()))
    stage.b.script(FINE)
    assert stage.gateway.stream("stall").text == "fine"
    stage.a.wait_closed(stage.a.last.connection)


@pytest.mark.parametrize(
    "reply",
    [
        Reply.sse(error_body("too busy", "server_error", "overloaded"), done=False),
        Reply.sse(ROLE, error_body("too busy", "server_error"), done=False),
        Reply.sse(b'event: error\ndata: {"message": "too busy"}\n\n', done=False),
        Reply(200, body=error_body("too busy", "server_error")),
        Reply(503, body=error_body("too busy", "server_error")),
    ],
    ids=["first", "after the role", "event: error", "JSON with 200", "503"],
)
def test_an_error_instead_of_a_stream_is_a_real_status(stage, reply):
    stage.a.script(reply)
    answer = stage.gateway.stream("a/in-band-alone")
    assert answer.status >= 500
    assert "too busy" in answer.error["message"]


def test_an_error_in_the_stream_goes_to_the_next_target(stage):
    stage.a.script(Reply.sse(ROLE, error_body("too busy", "server_error"), done=False))
    stage.b.script(FINE)
    assert stage.gateway.stream("in-band").text == "fine"


# after the first token: said in the stream, and no clean end


@pytest.mark.parametrize(
    "events",
    [
        [Cut()],
        [Reset()],
        [b'data: {"id": "chatcm', Cut()],
        [Raw(b"zz\r\nnonsense")],
        ["{nonsense"],
        [error_body("too busy", "server_error")],
        [b'event: error\ndata: {"error": "too busy"}\n\n'],
        [chunk(finish="error")],
    ],
    ids=["cut", "reset", "half an event", "bad chunking", "no JSON", "error", "event: error", "reason error"],
)
def test_what_breaks_after_the_first_token(stage, events):
    gate = stage.a.gate()
    stage.a.script(Reply.sse(ROLE, chunk("half"), gate, *events, done=False))
    with stage.gateway.begin("a/broken", stream=True) as client:
        answer = client.head()
        assert data(chunk("half")) in client.piece(answer)
        gate.open()
        client.rest(answer)
    assert broken(answer)["message"].startswith("a: ")


def test_good_events_before_a_bad_one_in_the_same_packet(stage):
    gate = stage.a.gate()
    stage.a.script(Reply.sse(chunk("half"), gate, data(chunk(" more")) + data(error_body("too busy")), done=False))
    with stage.gateway.begin("a/one-packet", stream=True) as client:
        answer = client.head()
        client.piece(answer)
        gate.open()
        client.rest(answer)
    assert "too busy" in broken(answer)["message"]
    assert data(chunk(" more")) in answer.body


@pytest.mark.parametrize(
    "reply",
    [Reply.sse(ROLE, chunk("half"), done=False), Reply.sse(ROLE, chunk("half"), done=False, chunked=False)],
    ids=["chunked", "until close"],
)
def test_a_stream_that_ends_cleanly_without_a_reason(stage, reply):
    stage.a.script(reply)
    assert "broke off" in broken(stage.gateway.stream("a/ended"))["message"]


def test_an_idle_stream(stage):
    stage.a.script(Reply.sse(chunk("half"), Hang()))
    answer = stage.gateway.stream("a/idle")
    assert "timeout.idle" in broken(answer)["message"]
    stage.a.wait_closed(stage.a.last.connection)


def test_no_other_target_takes_over_once_tokens_have_come(stage):
    stage.a.script(Reply.sse(chunk("half"), Cut()))
    stage.b.script(FINE)
    broken(stage.gateway.stream("after"))
    assert stage.b.requests == []


def test_only_usage_is_missing(stage):
    """The answer is complete: a client must not take it for broken."""
    stage.a.script(Reply.sse(*text_stream("all"), Cut(), done=False))
    answer = stage.gateway.stream("a/only-usage")
    assert answer.done
    assert answer.text == "all"


def test_a_broken_stream_is_told_in_the_log(stage):
    stage.a.script(Reply.sse(chunk("half"), Cut()))
    broken(stage.gateway.stream("a/logged"))
    line = json.loads(stage.gateway.wait_said('"model": "a/logged"'))
    assert line["outcome"] == "stream_broken"
    assert line["attempts"][0][1] == "stream_broken"
