"""The traps of real providers' answers, from their bytes to what a caller sees."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import Any

import pytest

from llmctl import Quirks, ToolCall
from llmctl.errors import (
    ContextTooLong,
    Filtered,
    Forbidden,
    KeyRejected,
    LlmctlError,
    NotFound,
    NotUnderstood,
    Overloaded,
    ProviderFault,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    StreamBroken,
    TooLarge,
)
from support.upstream import Cut, Reply
from support.wire import chunk, completion, error_body, text_stream, tool_call, usage, usage_chunk

assert Filtered  # only ever raised by --strict


@dataclass(frozen=True)
class Seen:
    """What a caller sees of an answer."""

    content: str = ""
    reasoning: str | None = None
    calls: tuple[tuple[str, str, str], ...] = ()
    finish: str = "stop"
    prompt: int | None = None
    completion: int | None = None


def seen(answer: Any) -> Seen:
    counts = answer.usage
    return Seen(
        answer.content,
        answer.reasoning,
        tuple((call.id, call.name, call.arguments) for call in answer.tool_calls),
        answer.finish_reason,
        counts and counts.prompt_tokens,
        counts and counts.completion_tokens,
    )


def sse(data: str) -> bytes:
    return data.encode()


def calls_stream(*deltas, finish="tool_calls"):
    return Reply.sse(*(chunk(tool_calls=list(delta)) for delta in deltas), chunk(finish=finish))


HELLO = Seen("Hello", None, (), "stop")
HELLO_CHUNKS = text_stream("Hel", "lo")
HELLO_BYTES = b"".join(b"data: " + json.dumps(item).encode() + b"\n\n" for item in HELLO_CHUNKS)
ONE_CALL = Seen(calls=(("call_1", "add", '{"a": 1}'),), finish="tool_calls")
USED = Seen("Hello", None, (), "stop", 5, 2)
LONG = "long " * 40_000

STREAMS: dict[str, tuple[Reply, Seen]] = {
    # server-sent events (1.7)
    "CRLF": (Reply.stream([HELLO_BYTES.replace(b"\n", b"\r\n")]), HELLO),
    "CR": (Reply.stream([HELLO_BYTES.replace(b"\n", b"\r")]), HELLO),
    "byte by byte": (Reply.stream([bytes([byte]) for byte in HELLO_BYTES.replace(b"\n", b"\r\n")]), HELLO),
    "no space after the colon": (Reply.stream([HELLO_BYTES.replace(b"data: ", b"data:")]), HELLO),
    "byte order mark": (Reply.stream([b"\xef\xbb\xbf" + HELLO_BYTES]), HELLO),
    "comments": (Reply.sse(b": OPENROUTER PROCESSING\n\n", b":\n\n", *HELLO_CHUNKS, b": bye\n\n"), HELLO),
    "event and id lines": (
        Reply.stream([HELLO_BYTES.replace(b"data: ", b"event: x\nid: 1\nretry: 5\ndata: ")]),
        HELLO,
    ),
    "several data lines": (Reply.stream([HELLO_BYTES.replace(b', "choices"', b',\ndata: "choices"')]), HELLO),
    "no final blank line": (Reply.stream([HELLO_BYTES[:-2]]), HELLO),
    "no final line end, [DONE]": (Reply.stream([HELLO_BYTES + b"data: [DONE]"]), HELLO),
    "no [DONE]": (Reply.sse(*HELLO_CHUNKS, done=False), HELLO),
    "data:[DONE]": (Reply.sse(*HELLO_CHUNKS, b"data:[DONE]\n\n", done=False), HELLO),
    "something after [DONE]": (Reply.sse(*HELLO_CHUNKS, "[DONE]", "garbage", chunk("more"), done=False), HELLO),
    "[DONE] without finish_reason": (Reply.sse(chunk("Hel"), chunk("lo")), HELLO),
    "cut after finish_reason": (Reply.sse(*HELLO_CHUNKS, Cut(), done=False), HELLO),
    "event of 200 kB": (Reply.sse(chunk(LONG), chunk(finish="stop")), Seen(LONG)),
    "UTF-8 cut": (
        Reply.stream(
            [
                bytes([b])
                for b in b"".join([b'data: {"choices":[{"delta":{"content":"', "é😀".encode(), b'"}}]}\n\n'])
            ]
            + [b"data: [DONE]\n\n"]
        ),
        Seen("é😀"),
    ),
    "surrogate pair escapes": (Reply.sse(r'{"choices":[{"delta":{"content":"\ud83d\ude00"}}]}'), Seen("😀")),
    "gzip": (Reply.stream([gzip.compress(HELLO_BYTES)], headers={"Content-Encoding": "gzip"}), HELLO),
    "until the connection closes": (Reply.sse(*HELLO_CHUNKS, chunked=False), HELLO),
    "wrong content type": (Reply.sse(*HELLO_CHUNKS, headers={"Content-Type": "application/json"}), HELLO),
    "no content type": (Reply.stream([HELLO_BYTES]), HELLO),
    # whole answers where a stream was asked for
    "JSON instead of a stream": (Reply(body=completion("Hello", usage=usage(5, 2))), USED),
    "JSON after blank lines": (Reply.stream([b"\n", b"\n", Reply(body=completion("Hello")).payload()]), HELLO),
    "JSON called a stream": (
        Reply(200, {"Content-Type": "text/event-stream"}, Reply(body=completion("Hello")).payload()),
        HELLO,
    ),
    # chunks (1.3, 1.7)
    "empty choices first": (
        Reply.sse({"id": "", "model": "", "choices": [], "prompt_filter_results": []}, *HELLO_CHUNKS),
        HELLO,
    ),
    "choices null": (Reply.sse({"choices": None}, *HELLO_CHUNKS), HELLO),
    "delta null": (Reply.sse({"choices": [{"index": 0, "delta": None}]}, *HELLO_CHUNKS), HELLO),
    "role in every delta": (
        Reply.sse(*(chunk(text, role="assistant") for text in ("Hel", "lo")), chunk(finish="stop")),
        HELLO,
    ),
    "id null, created a string": (
        Reply.sse(*({**item, "id": None, "created": "1.5"} for item in HELLO_CHUNKS)),
        HELLO,
    ),
    "finish_reason empty": (
        Reply.sse(*(chunk(text, finish="") for text in ("Hel", "lo")), chunk(finish="stop")),
        HELLO,
    ),
    "finish_reason eos": (Reply.sse(chunk("Hello"), chunk(finish="eos")), HELLO),
    "finish_reason on the last text": (Reply.sse(chunk("Hello", finish="stop")), HELLO),
    "length": (Reply.sse(chunk("Hello"), chunk(finish="length")), Seen("Hello", finish="length")),
    "max_tokens": (Reply.sse(chunk("Hello", finish="MAX_TOKENS")), Seen("Hello", finish="length")),
    "content_filter": (Reply.sse(chunk("Hello", finish="content_filter")), Seen("Hello", finish="content_filter")),
    "unknown fields": (Reply.sse(*({**item, "obfuscation": "xx", "x": [{}]} for item in HELLO_CHUNKS)), HELLO),
    "content as parts": (Reply.sse(chunk([{"type": "text", "text": "Hello"}], finish="stop")), HELLO),
    "message instead of delta": (
        Reply.sse({"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}),
        HELLO,
    ),
    "nothing but an end": (Reply.sse(chunk("", role="assistant"), chunk(finish="stop")), Seen()),
    # usage
    "usage at the end": (Reply.sse(*text_stream("Hello", usage=usage(5, 2))), USED),
    "usage in every chunk": (
        Reply.sse(*({**item, "usage": usage(5, n)} for n, item in enumerate(text_stream("Hello")))),
        USED,
    ),
    "usage with the finish": (Reply.sse(chunk("Hello"), {**chunk(finish="stop"), "usage": usage(5, 2)}), USED),
    "x_groq": (Reply.sse(chunk("Hello"), {**chunk(finish="stop"), "x_groq": {"usage": usage(5, 2)}}), USED),
    "usage null until the last": (
        Reply.sse(*({**item, "usage": None} for item in HELLO_CHUNKS), usage_chunk(usage(5, 2))),
        USED,
    ),
    "usage after the finish, then a cut": (
        Reply.sse(*text_stream("Hello", usage=usage(5, 2)), Cut(), done=False),
        USED,
    ),
    # reasoning (1.4)
    "reasoning_content": (Reply.sse(chunk(reasoning_content="Hm."), *HELLO_CHUNKS), Seen("Hello", "Hm.")),
    "reasoning": (Reply.sse(chunk(reasoning="Hm."), *HELLO_CHUNKS), Seen("Hello", "Hm.")),
    "both with the same text": (
        Reply.sse(chunk(reasoning="Hm.", reasoning_content="Hm."), *HELLO_CHUNKS),
        Seen("Hello", "Hm."),
    ),
    "one of them empty": (
        Reply.sse(chunk(reasoning_content="", reasoning="Hm."), *HELLO_CHUNKS),
        Seen("Hello", "Hm."),
    ),
    "reasoning and its details": (
        Reply.sse(
            chunk(reasoning="Hm.", reasoning_details=[{"type": "reasoning.text", "text": "Hm."}]), *HELLO_CHUNKS
        ),
        Seen("Hello", "Hm."),
    ),
    "details alone": (
        Reply.sse(chunk(reasoning_details=[{"text": "H"}, {"summary": "m."}, {"data": "x"}]), *HELLO_CHUNKS),
        Seen("Hello", "Hm."),
    ),
    "think tags": (Reply.sse(*text_stream("<th", "ink>Hm.</thi", "nk>\n\nHel", "lo")), Seen("Hello", "Hm.")),
    "think tags never closed": (Reply.sse(*text_stream("<think>", "Hm.")), Seen("", "Hm.")),
    "a tag in the middle": (Reply.sse(*text_stream("Use <think>", " tags")), Seen("Use <think> tags")),
    "a lone angle bracket": (Reply.sse(*text_stream("<", " 5")), Seen("< 5")),
    "thinking parts": (
        Reply.sse(
            chunk([{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]),
            chunk([{"type": "text", "text": "Hello"}]),
            chunk(finish="stop"),
        ),
        Seen("Hello", "Hm."),
    ),
    # tool calls (1.7)
    "call at once": (calls_stream([tool_call("add", '{"a": 1}', index=0)]), ONE_CALL),
    "call in pieces": (
        calls_stream(
            [tool_call("add", "", index=0)],
            *([{"index": 0, "function": {"arguments": piece}}] for piece in ('{"a"', ": ", "1}")),
        ),
        ONE_CALL,
    ),
    "id null or empty later": (
        calls_stream(
            [tool_call("add", '{"a"', index=0)],
            [{"index": 0, "id": None, "function": {"name": None, "arguments": ": "}}],
            [{"index": 0, "id": "", "function": {"name": "", "arguments": "1}"}}],
        ),
        ONE_CALL,
    ),
    "id repeated": (calls_stream(*([tool_call("add", piece, index=0)] for piece in ('{"a"', ": 1}"))), ONE_CALL),
    "no index, one call": (calls_stream([tool_call("add", '{"a": 1}')]), ONE_CALL),
    "no index, two calls": (
        calls_stream([tool_call("add", "{}", "a")], [tool_call("sub", "{}", "b")]),
        Seen(calls=(("a", "add", "{}"), ("b", "sub", "{}")), finish="tool_calls"),
    ),
    "no index and no id, two calls": (
        calls_stream(
            [{"function": {"name": "add", "arguments": "{}"}}], [{"function": {"name": "add", "arguments": "{}"}}]
        ),
        Seen(calls=(("call_0", "add", "{}"), ("call_1", "add", "{}")), finish="tool_calls"),
    ),
    "two calls, one index": (
        calls_stream([tool_call("add", "{}", "a", 0)], [tool_call("add", "{}", "b", 0)]),
        Seen(calls=(("a", "add", "{}"), ("b", "add", "{}")), finish="tool_calls"),
    ),
    "interleaved": (
        calls_stream(
            [tool_call("add", '{"a"', "a", 0), tool_call("sub", '{"b"', "b", 1)],
            [{"index": 1, "function": {"arguments": ":2}"}}],
            [{"index": 0, "function": {"arguments": ":1}"}}],
        ),
        Seen(calls=(("a", "add", '{"a":1}'), ("b", "sub", '{"b":2}')), finish="tool_calls"),
    ),
    "arguments as an object": (
        calls_stream([{"index": 0, "id": "call_1", "function": {"name": "add", "arguments": {"a": 1}}}]),
        ONE_CALL,
    ),
    "no arguments": (
        calls_stream([{"index": 0, "id": "x", "function": {"name": "now"}}]),
        Seen(calls=(("x", "now", "{}"),), finish="tool_calls"),
    ),
    "stop with a call": (calls_stream([tool_call("add", '{"a": 1}', index=0)], finish="stop"), ONE_CALL),
    "older function_call": (
        Reply.sse(
            chunk(function_call={"name": "add", "arguments": '{"a"'}),
            chunk(function_call={"arguments": ": 1}"}),
            chunk(finish="function_call"),
        ),
        Seen(calls=(("call_0", "add", '{"a": 1}'),), finish="tool_calls"),
    ),
    "tool_calls null": (
        Reply.sse(*(chunk(text, tool_calls=None, function_call=None) for text in ("Hel", "lo"))),
        HELLO,
    ),
}


@pytest.mark.parametrize(("reply", "expected"), STREAMS.values(), ids=STREAMS)
def test_a_stream_is_understood(blocking, target, upstream, reply, expected):
    upstream.script(reply)
    assert seen(blocking.chat(target)) == expected


WHOLE: dict[str, tuple[Any, Seen]] = {
    "content null": (completion(None), Seen()),
    "content as parts": (completion([{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]), HELLO),
    "reasoning_content": (completion("Hello", reasoning_content="Hm."), Seen("Hello", "Hm.")),
    "reasoning": (completion("Hello", reasoning="Hm."), Seen("Hello", "Hm.")),
    "think tags": (completion("<think>\nHm.\n</think>\n\nHello"), Seen("Hello", "Hm.\n")),
    "calls": (completion(None, "tool_calls", tool_calls=[tool_call("add", '{"a": 1}')]), ONE_CALL),
    "calls with stop": (completion(None, "stop", tool_calls=[tool_call("add", '{"a": 1}')]), ONE_CALL),
    "finish null": (completion("Hello", None), HELLO),
    "end_turn": (completion("Hello", "end_turn"), HELLO),
    "usage without total": (completion("Hello", usage={"prompt_tokens": 5, "completion_tokens": 2}), USED),
    "usage in other words": (completion("Hello", usage={"input_tokens": 5, "output_tokens": 2}), USED),
    "usage null": ({**completion("Hello"), "usage": None}, HELLO),
    "text completion": ({"choices": [{"text": "Hello", "finish_reason": "stop"}]}, HELLO),
}


@pytest.mark.parametrize(("body", "expected"), WHOLE.values(), ids=WHOLE)
def test_a_whole_answer_is_understood(blocking, target, upstream, body, expected):
    upstream.script(Reply(body=body))
    assert seen(blocking(target, lambda client: client.chat("Hi"))) == expected


def test_several_choices_that_interleave(runner, target, upstream):
    upstream.script(
        Reply.sse(
            chunk("b1", index=1), chunk("a1"), chunk("a2"), chunk("b2", index=1), chunk(finish="stop"),
            chunk(finish="length", index=1),
        )
    )  # fmt: skip
    answer = runner.chat(target, n=2)
    assert [answer.choices[n].content for n in (0, 1)] == ["a1a2", "b1b2"]
    assert [answer.choices[n].finish_reason for n in (0, 1)] == ["stop", "length"]


def test_refusals(blocking, target, upstream):
    upstream.script(Reply.sse(chunk(refusal="I "), chunk(refusal="won't."), chunk(finish="stop")))
    assert blocking.chat(target).first.refusal == "I won't."


def test_logprobs(blocking, target, upstream):
    one, two = chunk("a"), chunk("b", finish="stop")
    one["choices"][0]["logprobs"] = {"content": [{"token": "a", "logprob": -0.1}]}
    two["choices"][0]["logprobs"] = {"content": [{"token": "b", "logprob": -0.2}]}
    upstream.script(Reply.sse(one, two))
    assert [entry["token"] for entry in blocking.chat(target, logprobs=True).first.logprobs] == ["a", "b"]


def test_custom_tools_and_signatures(blocking, target, upstream):
    custom = {"index": 0, "id": "c", "type": "custom", "custom": {"name": "sql", "input": "SELECT"}}
    signed = {**tool_call("add", "{}", "d", 1), "extra_content": {"google": {"thought_signature": "s"}}}
    upstream.script(calls_stream([custom, signed], [{"index": 0, "custom": {"input": " 1"}}]))
    first, second = blocking.chat(target).tool_calls
    assert first == ToolCall(0, "c", "sql", "SELECT 1", kind="custom")
    assert second.as_message() == {
        "id": "d",
        "type": "function",
        "function": {"name": "add", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "s"}},
    }


def test_details_of_usage(blocking, target_of, upstream):
    counted = usage(
        10,
        4,
        prompt_tokens_details={"cached_tokens": 8},
        completion_tokens_details={"reasoning_tokens": 3},
        cost=0.002,
    )
    upstream.script(Reply.sse(*text_stream("Hello", usage=counted)))
    got = blocking.chat(target_of(upstream, quirks=lambda _model: Quirks(cost="cost"))).usage
    assert (got.cached_tokens, got.reasoning_tokens, got.cost) == (8, 3, 0.002)


# errors (1.5)

REFUSALS: dict[str, tuple[Reply, type[LlmctlError], str]] = {
    "openai": (Reply(400, body=error_body("bad", param="n")), RequestRefused, "bad"),
    "a string": (Reply(400, body={"error": "bad"}), RequestRefused, "bad"),
    "code a number": (Reply(400, body=error_body("bad", code=400)), RequestRefused, "bad"),
    "detail": (Reply(422, body={"detail": "bad"}), RequestRefused, "bad"),
    "detail list": (
        Reply(422, body={"detail": [{"loc": ["body", "n"], "msg": "bad"}]}),
        RequestRefused,
        "body.n: bad",
    ),
    "flat": (
        Reply(400, body={"object": "error", "message": "bad", "type": "BadRequestError"}),
        RequestRefused,
        "bad",
    ),
    "list": (
        Reply(400, body=[{"error": {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT"}}]),
        RequestRefused,
        "bad",
    ),
    "azure": (
        Reply(
            400,
            body={
                "error": {
                    "message": "bad",
                    "code": "content_filter",
                    "innererror": {"code": "ResponsibleAIPolicyViolation"},
                }
            },
        ),
        RequestRefused,
        "bad",
    ),
    "html": (Reply(502, body="<html><title>Bad Gateway</title></html>"), ProviderFault, "Bad Gateway"),
    "text": (Reply(500, body="upstream connect error"), ProviderFault, "upstream connect error"),
    "nothing": (Reply(503), Overloaded, "503"),
    "null": (Reply(500, body="null"), ProviderFault, "500"),
    "gzip": (
        Reply(400, {"Content-Encoding": "gzip"}, gzip.compress(Reply(body=error_body("bad")).payload())),
        RequestRefused,
        "bad",
    ),
    "broken body": (Reply(400, body=b'{"error"', content_length=500, close=True), RequestRefused, "error"),
    "brotli": (Reply(400, {"Content-Encoding": "br"}, b"\x0b"), RequestRefused, "400"),
    "openrouter": (
        Reply(
            400, body={"error": {"code": 400, "message": "Provider returned error", "metadata": {"raw": "bad"}}}
        ),
        RequestRefused,
        "Provider returned error: bad",
    ),
    "401": (Reply(401, body=error_body("who?")), KeyRejected, "who?"),
    "gemini key": (
        Reply(
            400, body=[{"error": {"code": 400, "message": "bad key", "details": [{"reason": "API_KEY_INVALID"}]}}]
        ),
        KeyRejected,
        "bad key",
    ),
    "403": (Reply(403, body=error_body("no")), Forbidden, "no"),
    "402": (Reply(402, body=error_body("pay")), QuotaExhausted, "pay"),
    "413": (Reply(413, body="too large"), TooLarge, "too large"),
    "context": (Reply(400, body=error_body("long", code="context_length_exceeded")), ContextTooLong, "long"),
    "llama.cpp context": (
        Reply(400, body=error_body("long", "exceed_context_size_error", 400)),
        ContextTooLong,
        "long",
    ),
    "quota": (
        Reply(429, body=error_body("pay", "insufficient_quota", "insufficient_quota")),
        QuotaExhausted,
        "pay",
    ),
    "rate": (Reply(429, body=error_body("slow", code="rate_limit_exceeded")), RateLimited, "slow"),
    "model": (Reply(404, body=error_body("no model", code="model_not_found")), NotFound, "no model"),
    "529": (Reply(529, body=error_body("busy", "overloaded_error")), Overloaded, "busy"),
    "520": (Reply(520, body="cloudflare"), ProviderFault, "cloudflare"),
    "499": (Reply(499, body=error_body("gone")), ProviderFault, "gone"),
    "in a 200": (Reply(body=error_body("pay", code=402)), QuotaExhausted, "pay"),
    "in a 200 without code": (Reply(body={"error": "broken"}), ProviderFault, "broken"),
    "in a stream": (Reply.sse(error_body("slow", code=429), done=False), RateLimited, "slow"),
    "error event": (
        Reply.sse(b'event: error\ndata: {"message": "broken"}\n\n', done=False),
        ProviderFault,
        "broken",
    ),
    "html in a 200": (Reply(body="<html><title>Login</title></html>"), NotUnderstood, "not JSON"),
    "a list": (Reply(body="[]"), NotUnderstood, "list"),
    "a number": (Reply.sse("7"), NotUnderstood, "number"),
    "empty body": (Reply(200), StreamBroken, "before any answer"),
    "only [DONE]": (Reply.sse(), NotUnderstood, "without any content"),
    "garbage": (Reply.sse("{nonsense"), NotUnderstood, "not JSON"),
    "nested too deep": (Reply.sse("[" * 100_000), NotUnderstood, "not JSON"),
    "204": (Reply(204), StreamBroken, "before any answer"),
}


@pytest.mark.parametrize(("reply", "error", "text"), REFUSALS.values(), ids=REFUSALS)
def test_an_error_is_told_by_status_and_code(blocking, target_of, upstream, reply, error, text):
    upstream.default = reply
    from llmctl import RetryPolicy

    with pytest.raises(LlmctlError) as failure:
        blocking(target_of(upstream), _drained, RetryPolicy(0))
    assert type(failure.value) is error
    assert text in failure.value.message


async def _drained(client):
    async for _ in client.stream("Hi"):
        pass


LATE: dict[str, tuple[Any, type[LlmctlError], str]] = {
    "error": (error_body("overloaded", code=503), Overloaded, "overloaded"),
    "error with finish_reason": (
        {**chunk(finish="error"), "error": {"code": 502, "message": "upstream died"}},
        ProviderFault,
        "upstream died",
    ),
    "finish_reason error": (chunk(finish="error"), Overloaded, "'error'"),
    "insufficient_system_resource": (chunk(finish="insufficient_system_resource"), Overloaded, "system_resource"),
    "cut": (Cut(), StreamBroken, "broke off"),
    "end": (b": bye\n\n", StreamBroken, "broke off"),
    "half an event": (b'data: {"choices": [{"del', StreamBroken, "broke off"),
}


@pytest.mark.parametrize(("end", "error", "text"), LATE.values(), ids=LATE)
def test_a_stream_that_fails_later_keeps_what_came(blocking, target, upstream, end, error, text):
    head = {"x-request-id": "req_1"}
    upstream.script(Reply.sse(chunk("half "), chunk("an answer"), end, done=False, headers=head))
    with pytest.raises(LlmctlError) as failure:
        blocking.chat(target)
    assert type(failure.value) is error
    assert text in failure.value.message
    assert (failure.value.partial, failure.value.request_id) == ("half an answer", "req_1")
