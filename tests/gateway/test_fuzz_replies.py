"""Arbitrary replies of a provider: the client gets an answer or an error, and the provider's key is not told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from gateway.fuzzing import (
    UPSTREAM_KEY,
    Fuzzed,
    deep,
    fuzz,
    header_values,
    huge,
    odd_names,
    overwritten,
    spoilt,
    texts,
    values,
)
from support.upstream import Reply

BUG = re.compile(rb"a bug in llmctl \(\w+\)")


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    fuzzed = Fuzzed(tmp_path_factory.mktemp("fuzz"))
    yield fuzzed
    fuzzed.close()


leaky = st.sampled_from([
    json.dumps({"error": {"message": f"the key {UPSTREAM_KEY} is bad", "type": "x", "param": None, "code": None}}),
    json.dumps({"error": {"message": "bad", "key": UPSTREAM_KEY}}),
    json.dumps({"detail": [{"loc": ["key"], "msg": UPSTREAM_KEY}]}),
    json.dumps({"error": UPSTREAM_KEY}),
    f"<title>{UPSTREAM_KEY}</title>",
    UPSTREAM_KEY,
]).map(str.encode)  # fmt: skip
errors = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("error", "message", "detail", "type", "code", "object", "status"), values)
)
calls = st.lists(
    st.fixed_dictionaries(
        {"function": st.fixed_dictionaries({"name": texts, "arguments": texts | values})},
        optional={"id": texts | values, "index": st.integers(0, 2) | values},
    )
    | values,
    max_size=2,
)
said = st.fixed_dictionaries(
    {"content": texts | values}, optional={"tool_calls": calls | values, "reasoning": texts, "refusal": values}
)
reasons = st.sampled_from([None, "", "stop", "tool_calls", "length", "content_filter", "error"]) | values
answers = st.fixed_dictionaries(
    {"choices": st.lists(st.fixed_dictionaries({"message": said, "finish_reason": reasons}) | values, max_size=2)},
    optional=dict.fromkeys(("id", "model", "usage", "error", "object", "data"), texts | values),
)
deltas = st.fixed_dictionaries(
    {"choices": st.lists(st.fixed_dictionaries({"delta": said, "finish_reason": reasons}) | values, max_size=2)},
    optional=dict.fromkeys(("id", "model", "usage", "error", "x_groq"), texts | values),
)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


wholes = st.one_of(
    answers.map(as_json),
    errors.map(as_json),
    values.map(as_json),
    st.builds(spoilt, answers, st.sampled_from(["id", "model", "usage", "choices", "x"]), huge | deep),
    st.builds(overwritten, answers.map(as_json), st.integers(0, 400), st.binary(min_size=1, max_size=4)),
    st.binary(max_size=60),
    leaky,
)
clean = [
    b"data: " + json.dumps({"id": "x", "choices": [{"delta": delta, "finish_reason": reason}]}).encode() + b"\n\n"
    for delta, reason in [({"role": "assistant", "content": ""}, None), ({"content": "a"}, None), ({}, "stop")]
]
events = st.sampled_from(clean) | st.builds(
    lambda head, payload, end: head + payload + end,
    st.sampled_from([b"data: ", b"data: ", b"data:", b"event: error\ndata: ", b": ", b""]),
    st.one_of(
        deltas.map(as_json),
        st.builds(overwritten, deltas.map(as_json), st.integers(0, 400), st.binary(min_size=1, max_size=4)),
        wholes,
        st.just(b"[DONE]"),
    ),
    st.sampled_from([b"\n\n", b"\n\n", b"\r\n\r\n", b"\r\r", b"\n", b""]),
)
reply_headers = st.lists(
    st.tuples(
        st.sampled_from(
            ["Retry-After", "Retry-After-Ms", "X-Should-Retry", "Content-Encoding", "X-Request-Id", "Location"]
        )
        | odd_names,
        header_values | st.sampled_from(["1", "0.5", "true", "false", "gzip", "deflate", "-1", "nan", "9" * 30]),
    ),
    max_size=2,
)
statuses = st.sampled_from([200] * 6 + [201, 204, 302, 304, 400, 401, 404, 408, 429, 500, 502, 503, 599, 600, 999])
told = st.sampled_from(
    ["application/json", "text/event-stream", "text/event-stream; charset=utf-8", "text/html", ""]
)
replies = st.one_of(
    st.builds(
        lambda status, headers, kind, body: Reply(status, [("Content-Type", kind), *headers], body),
        statuses, reply_headers, told, wholes,
    ),
    st.builds(
        lambda steps, headers, chunked: Reply.sse(*steps, done=False, headers=headers, chunked=chunked),
        st.lists(events, max_size=5), reply_headers, st.booleans(),
    ),
    st.builds(
        lambda head, body: Reply.raw(head + body),
        st.sampled_from(
            [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n", b"HTTP/1.1 "]
        ),
        wholes,
    ),
)  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses"])
@pytest.mark.parametrize("stream", [False, True])
def test_no_reply_is_a_bug(fuzzed: Fuzzed, path: str, stream: bool) -> None:
    held = path != "/v1/responses"
    body = json.dumps({"model": "a/m", "messages": [], "prompt": "x", "input": "x", "stream": stream}).encode()

    @fuzz
    @given(replies)
    def answer(reply: Reply) -> None:
        note(repr(reply))
        fuzzed.upstream.forget()
        fuzzed.upstream.script(reply)
        got = fuzzed.ask("POST", path, body, [("Authorization", f"Bearer {fuzzed.key}")], broken=True)
        assert not BUG.search(got.body)
        if held or got.status >= 400:  # else the reply passes as it is, and so do a stream's comments
            shown = [line for line in got.body.splitlines() if not line.startswith(b":")]
            assert UPSTREAM_KEY.encode() not in b"\n".join(shown)
        if not got.whole and got.headers.get("content-type", "").startswith("text/event-stream"):
            assert b"error" in got.body

    answer()
