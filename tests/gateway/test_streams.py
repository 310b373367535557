"""Streams: events byte for byte, usage as asked for, and repairs of what breaks clients."""

from __future__ import annotations

import gzip
import json

import pytest

from support.upstream import Reply
from support.wire import CHAT_ID, chunk, completion, text_stream, tool_call, usage, usage_chunk

CONFIG = """
[profiles.a]
base_url = "{a}"
retries = 0
timeout = { connect = 2, first_token = 0.4, idle = 0.5, total = 20 }

[profiles.b]
base_url = "{b}"
retries = 0

[profiles.plain]
base_url = "{c}"
retries = 0
quirks = { mend = false }

[profiles.unasked]
base_url = "{c}"
retries = 0
quirks = { usage = "always" }

[serve]
drain = 0.3
keepalive = 0.2
"""
FINE = Reply.sse(*text_stream("fine"))
ROLE = chunk("", role="assistant")


def data(payload):
    return b"data: " + (payload if isinstance(payload, bytes) else json.dumps(payload).encode()) + b"\n\n"


# bytes


def test_events_come_byte_for_byte(stage):
    events = [
        b'data: {"id":"x", "choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":null}]}\n\n',
        b'data:{"id":"x","choices":[{"index":0,"delta":{"content":"\\u00e9\xc3\xa9"},"u":1.0}],"m":{ }}\n\n',
        b'data: {"id":"x","choices":[{"index":0,"delta":{"content":" b"}}],"p":"abc","obfuscation":"zz"}\n\n',
        b'data: {"id":"x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
        b"data: [DONE]\n\n",
    ]
    stage.a.script(Reply.sse(*events, done=False))
    answer = stage.gateway.stream("a/bytes")
    assert answer.body == b"".join(events)
    assert answer.done
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in answer.headers


def test_a_split_event_is_written_whole(stage):
    """Whatever the packets are, each write holds whole events."""
    stream = b"".join(data(event) for event in text_stream("Grüße ", "aus ", "Köln")) + b"data: [DONE]\n\n"
    pieces = [stream[at : at + 7] for at in range(0, len(stream), 7)]
    stage.a.script(Reply.stream(pieces, headers={"Content-Type": "text/event-stream"}))
    answer = stage.gateway.stream("a/split")
    assert answer.body == stream
    assert answer.text == "Grüße aus Köln"
    assert all(piece.endswith(b"\n\n") for piece in answer.pieces)


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_other_line_ends(stage, end):
    stream = b"".join(data(event) for event in [*text_stream("a", "b")]) + b"data: [DONE]\n\n"
    stage.a.script(Reply.stream([stream.replace(b"\n", end)], headers={"Content-Type": "text/event-stream"}))
    with stage.gateway.begin("a/ends", stream=True) as client:
        answer = client.answer()
    assert answer.status == 200
    assert answer.whole
    assert b"".join(answer.body.splitlines()) == b"".join(stream.splitlines())


def test_each_event_goes_on_at_once(stage):
    gates = [stage.b.gate(f"{n}") for n in range(3)]
    steps = [step for n in range(3) for step in (chunk(f"{n}"), gates[n])]
    stage.b.script(Reply.sse(*steps, chunk(finish="stop")))
    with stage.gateway.begin("b/at-once", stream=True) as client:
        answer = client.head()
        for n in range(3):
            assert f'"content": "{n}"' in client.piece(answer).decode()
            gates[n].open()
        client.rest(answer)
    assert answer.done


def test_large_events_and_many(stage):
    pieces = ["x" * 300_000, *(f"{n} " for n in range(2000))]
    stage.a.script(Reply.sse(*text_stream(*pieces)))
    answer = stage.gateway.stream("a/large")
    assert answer.done
    assert answer.text == "".join(pieces)


def test_comments_of_the_provider_go_on(stage):
    stage.a.script(Reply.sse(b": before\n\n", chunk("a"), b": PROCESSING\n\n", chunk("b", finish="stop")))
    answer = stage.gateway.stream("a/comments")
    assert b": PROCESSING\n\n" in answer.body
    assert answer.text == "ab"


def test_a_silent_provider_gets_comments_sent(stage):
    gate = stage.b.gate()
    stage.b.script(Reply.sse(chunk("a"), gate, chunk("b", finish="stop")))
    with stage.gateway.begin("b/silent", stream=True) as client:
        answer = client.head()
        assert client.piece(answer) == data(chunk("a"))
        assert client.piece(answer) == b": ping\n\n"
        assert client.piece(answer) == b": ping\n\n"
        gate.open()
        client.rest(answer)
    assert answer.done
    assert answer.text == "ab"


def test_no_comment_in_the_middle_of_an_event(stage):
    gate = stage.b.gate()
    whole = data(chunk("b", finish="stop"))
    reply = Reply.stream(
        [data(chunk("a")), whole[:20], gate, whole[20:], b"data: [DONE]\n\n"],
        headers={"Content-Type": "text/event-stream"},
    )
    stage.b.script(reply)
    with stage.gateway.begin("b/middle", stream=True) as client:
        answer = client.head()
        client.piece(answer)
        assert client.piece(answer) == b": ping\n\n"
        gate.open()
        client.rest(answer)
    assert answer.done
    assert whole in answer.body


@pytest.mark.parametrize(
    "events",
    [
        [chunk(reasoning_content="Hm"), chunk("a", finish="stop")],
        [chunk(reasoning="Hm"), chunk("a", finish="stop")],
        [chunk(refusal="No"), chunk(finish="stop")],
        [chunk(tool_calls=[tool_call("f", index=0)]), chunk(finish="tool_calls")],
        [chunk("a", index=1), chunk("b"), chunk(finish="stop", index=1), chunk(finish="stop")],
        [chunk(finish="stop")],
    ],
    ids=["reasoning_content", "reasoning", "refusal", "tool call", "two choices", "empty"],
)
def test_whatever_begins_an_answer(stage, events):
    stage.a.script(Reply.sse(ROLE, *events))
    answer = stage.gateway.stream("a/kinds")
    assert answer.events == [ROLE, *events]
    assert answer.done


# usage


def test_usage_is_asked_for_and_stripped(stage):
    stage.a.script(Reply.sse(*text_stream("a", usage=usage(7, 3))))
    answer = stage.gateway.stream("a/usage")
    assert stage.a.last.json()["stream_options"] == {"include_usage": True}
    assert answer.done
    assert all(event["choices"] for event in answer.events)
    line = stage.gateway.wait_said('"model": "a/usage"')
    assert json.loads(line)["tokens"] == [7, 3]


def test_usage_that_the_client_wants_is_kept(stage):
    stage.a.script(Reply.sse(*text_stream("a", usage=usage(7, 3))))
    options = {"include_usage": True, "include_obfuscation": False}
    answer = stage.gateway.stream("a/wanted", stream_options=options)
    assert stage.a.last.json()["stream_options"] == options
    assert answer.events[-1] == usage_chunk(usage(7, 3))
    assert answer.done


def test_other_stream_options_stay(stage):
    stage.a.script(FINE)
    stage.gateway.stream("a/options", stream_options={"include_obfuscation": False})
    assert stage.a.last.json()["stream_options"] == {"include_obfuscation": False, "include_usage": True}


def test_a_provider_that_tells_usage_unasked_is_not_asked(stage):
    stage.c.script(Reply.sse(*text_stream("a", usage=usage())))
    answer = stage.gateway.stream("unasked/m")
    assert "stream_options" not in stage.c.last.json()
    assert all(event["choices"] for event in answer.events)


# repairs


def test_no_done_and_no_last_blank_line(stage):
    steps = [data(event) for event in text_stream("a", "b")]
    stage.a.script(Reply.stream([*steps[:-1], steps[-1].rstrip()], headers={"Content-Type": "text/event-stream"}))
    answer = stage.gateway.stream("a/no-done")
    assert answer.done
    assert answer.text == "ab"


def test_an_end_by_close_is_an_end_where_the_answer_is_complete(stage):
    stage.a.script(Reply.sse(*text_stream("a"), done=False, chunked=False))
    assert stage.gateway.stream("a/closed").done


def test_nothing_goes_on_after_done(stage):
    stage.a.script(Reply.sse(*text_stream("a"), b'data: [DONE]\n\ndata: {"late": 1}\n\n', done=False))
    answer = stage.gateway.stream("a/late")
    assert answer.done
    assert "late" not in answer.body.decode()


@pytest.mark.parametrize("id", [None, "", "other"])
def test_ids_are_the_same_in_all_events(stage, id):
    first, second, third = text_stream("a")
    stage.a.script(Reply.sse(first, {**second, "id": id}, third))
    answer = stage.gateway.stream("a/ids")
    assert [event["id"] for event in answer.events] == [CHAT_ID] * 3
    assert answer.text == "a"


def test_ids_that_never_come_are_made(stage):
    events = [{**event, "id": None} for event in text_stream("a", "b")]
    stage.a.script(Reply.sse(*events))
    ids = {event["id"] for event in stage.gateway.stream("a/no-ids").events}
    assert len(ids) == 1
    assert ids.pop().startswith("chatcmpl-")


def test_a_first_event_without_choices_is_left_out(stage):
    """Azure sends what its filters found of the prompt."""
    first = {**usage_chunk({}), "prompt_filter_results": []}
    del first["usage"]
    stage.a.script(Reply.sse(first, *text_stream("a")))
    answer = stage.gateway.stream("a/azure")
    assert answer.done
    assert all(event["choices"] for event in answer.events)


def test_tool_calls_without_an_index_and_the_wrong_reason(stage):
    calls = [tool_call("f", '{"a":1}', id="c1"), tool_call("g", "{}", id="c2")]
    events = [ROLE, *(chunk(tool_calls=[call]) for call in calls), chunk(finish="stop")]
    stage.a.script(Reply.sse(*events))
    answer = stage.gateway.stream("a/no-index")
    got = [call for event in answer.events for call in event["choices"][0]["delta"].get("tool_calls", ())]
    assert [(call["index"], call["id"]) for call in got] == [(0, "c1"), (1, "c2")]
    assert answer.events[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_fragments_without_an_index_belong_to_the_call_being_written(stage):
    first = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
    more = [{"function": {"arguments": piece}} for piece in ('{"a":', "1}")]
    events = [chunk(tool_calls=[call]) for call in [first, *more]]
    stage.a.script(Reply.sse(ROLE, *events, chunk(finish="tool_calls")))
    answer = stage.gateway.stream("a/fragments")
    got = [call for event in answer.events for call in event["choices"][0]["delta"].get("tool_calls", ())]
    assert [call["index"] for call in got] == [0, 0, 0]
    assert "".join(call["function"]["arguments"] for call in got) == '{"a":1}'


def test_arguments_that_are_objects_become_text(stage):
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": {"a": "ü"}}}
    stage.a.script(Reply.sse(ROLE, chunk(tool_calls=[call]), chunk(finish="tool_calls")))
    got = stage.gateway.stream("a/objects").events[1]["choices"][0]["delta"]["tool_calls"][0]
    assert json.loads(got["function"]["arguments"]) == {"a": "ü"}


def test_an_empty_reason_and_a_missing_delta(stage):
    empty = chunk("a")
    empty["choices"][0]["finish_reason"] = ""
    null = chunk()
    null["choices"][0]["delta"] = None
    stage.a.script(Reply.sse(ROLE, empty, null, chunk(finish="stop")))
    answer = stage.gateway.stream("a/empty")
    assert answer.events[1]["choices"][0]["finish_reason"] is None
    assert answer.events[2]["choices"][0]["delta"] == {}
    assert answer.done


def test_nothing_is_mended_where_the_quirks_say_so(stage):
    events = [{**event, "id": None} for event in [ROLE, chunk(tool_calls=[tool_call("f")]), chunk(finish="stop")]]
    stage.c.script(Reply.sse(*events))
    assert stage.gateway.stream("plain/m").events == events


def test_a_provider_that_does_not_stream(stage):
    stage.a.script(Reply(body=completion("all at once", usage=usage())))
    answer = stage.gateway.stream("a/whole")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text == "all at once"
    assert answer.done
    assert all(event["choices"] for event in answer.events)


def test_a_compressed_stream(stage):
    body = gzip.compress(b"".join(data(event) for event in text_stream("a")) + b"data: [DONE]\n\n")
    headers = {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}
    stage.a.script(Reply(200, headers, body))
    answer = stage.gateway.stream("a/gzip")
    assert answer.text == "a"
    assert "content-encoding" not in answer.headers
