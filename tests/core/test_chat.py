"""Chat completions, whole and streamed, in the shapes of all providers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.splits import cut, cuts
from llmctl.core.answer import Answer
from llmctl.core.chat import FINISH, ChatDecoder, parse_json
from llmctl.core.events import Done, Event, Finish, Logprobs, Reasoning, Refusal, Text, ToolCall, Usage
from llmctl.core.quirks import Quirks
from llmctl.core.sse import SSEDecoder
from llmctl.errors import (
    ContextTooLong,
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
)
from support import wire

DONE = "[DONE]"
Payload = dict[str, Any] | list[Any] | str | bytes


def text_of(payload: Payload) -> str | bytes:
    return payload if isinstance(payload, str | bytes) else json.dumps(payload)


def decode(payloads: Iterable[Payload], quirks: Quirks = Quirks(), whole: bool = False) -> list[Event]:  # noqa: B008
    decoder = ChatDecoder(quirks)
    events = [event for payload in payloads for event in decoder.feed(text_of(payload))]
    return events + decoder.finish(whole)


def collect(events: Iterable[Event]) -> Answer:
    answer = Answer()
    for event in events:
        answer.add(event)
    return answer


def streamed(*chunks: Payload, quirks: Quirks = Quirks()) -> Answer:  # noqa: B008
    """The answer of a stream that ends with [DONE]."""
    return collect(decode([*chunks, DONE], quirks))


def whole(body: Payload, quirks: Quirks = Quirks()) -> Answer:  # noqa: B008
    return collect(decode([body], quirks, whole=True))


def with_choice(**fields: Any) -> dict[str, Any]:
    """A chunk whose one choice is exactly this."""
    return {**wire.chunk(), "choices": [fields]}


# ---- The ordinary ----------------------------------------------------------------------------------


def test_stream_in_the_order_of_openai():
    chunks = wire.text_stream("Hel", "lo", usage=wire.usage(5, 2))
    assert decode([*chunks, DONE]) == [
        Text("Hel"),
        Text("lo"),
        Finish("stop"),
        Usage(5, 2, 7),
        Done("stop", wire.MODEL, wire.CHAT_ID),
    ]


def test_whole_answer():
    body = wire.completion("Hello", usage=wire.usage(5, 2))
    assert decode([body], whole=True) == [
        Text("Hello"),
        Finish("stop"),
        Usage(5, 2, 7),
        Done("stop", wire.MODEL, wire.CHAT_ID),
    ]


def test_payloads_may_be_bytes():
    assert whole(json.dumps(wire.completion("Grüße 🎈"), ensure_ascii=False).encode()).content == "Grüße 🎈"


def test_bytes_that_are_no_utf8_are_replaced():
    assert whole(json.dumps(wire.completion("a?b")).encode().replace(b"?", b"\xff")).content == "a�b"


def test_text_completion_whole_and_streamed():
    body = {"object": "text_completion", "choices": [{"index": 0, "text": "Hello", "finish_reason": "stop"}]}
    assert whole(body).content == "Hello"
    pieces = [{"choices": [{"index": 0, "text": text, "finish_reason": None}]} for text in ("Hel", "lo")]
    assert streamed(*pieces).content == "Hello"


def test_nothing_after_done_counts():
    decoder = ChatDecoder(Quirks())
    decoder.feed(json.dumps(wire.chunk("a", finish="stop")))
    assert not decoder.done
    assert decoder.feed(DONE) == []
    assert decoder.done
    assert decoder.feed(json.dumps(wire.chunk("b"))) == []
    assert decoder.feed("no JSON at all") == []
    assert collect(decoder.finish()).complete


@pytest.mark.parametrize("done", ["[DONE]", b"[DONE]", " [DONE] ", "[DONE]\n"])
def test_done_however_it_is_written(done):
    decoder = ChatDecoder(Quirks())
    decoder.feed(done)
    assert decoder.done


@pytest.mark.parametrize("blank", ["", " ", b"", b"\n", "\r\n"])
def test_blank_payloads_are_passed_over(blank):
    assert streamed(wire.chunk("a"), blank, wire.chunk("b", finish="stop")).content == "ab"


# ---- What the fields may look like -------------------------------------------------------------------


@pytest.mark.parametrize(
    "chunk",
    [
        pytest.param({**wire.chunk(), "choices": []}, id="choices empty"),
        pytest.param({**wire.chunk(), "choices": None}, id="choices null"),
        pytest.param({"id": "x"}, id="choices missing"),
        pytest.param({**wire.chunk(), "choices": {}}, id="choices an object"),
        pytest.param({**wire.chunk(), "choices": ["x", None, 7, []]}, id="choices of nonsense"),
        pytest.param(with_choice(index=0, delta=None, finish_reason=None), id="delta null"),
        pytest.param(with_choice(index=0, delta={}, finish_reason=None), id="delta empty"),
        pytest.param(with_choice(index=0), id="delta missing"),
        pytest.param(with_choice(index=0, delta="x"), id="delta a string"),
        pytest.param(with_choice(), id="choice empty"),
        pytest.param(wire.chunk(role="assistant"), id="role on every delta"),
        pytest.param(
            with_choice(index=0, delta={"content": None, "refusal": None}), id="content and refusal null"
        ),
        pytest.param(wire.chunk(""), id="content empty"),
        pytest.param(wire.chunk(content=7), id="content a number"),
        pytest.param(
            wire.chunk(refusal=7, reasoning=7, tool_calls=7, function_call=7), id="fields of wrong types"
        ),
        pytest.param(with_choice(index=0, delta={}, finish_reason=""), id="finish_reason empty"),
        pytest.param(with_choice(index=0, delta={}, finish_reason=7), id="finish_reason a number"),
        pytest.param({**wire.chunk(), "usage": None}, id="usage null"),
        pytest.param({**wire.chunk(), "usage": {}}, id="usage empty"),
        pytest.param({**wire.chunk(), "usage": [1], "x_groq": 7}, id="usage a list"),
        pytest.param({**wire.chunk(), "id": None, "created": 1.5, "model": None}, id="id and model null"),
        pytest.param({**wire.chunk(), "id": "", "created": "now", "model": ""}, id="id and model empty"),
        pytest.param({**wire.chunk(), "id": 7, "model": 7}, id="id and model numbers"),
        pytest.param({**wire.chunk(), "obfuscation": "aaaa", "service_tier": None}, id="obfuscation"),
        pytest.param({**wire.chunk(), "error": None}, id="error null"),
        pytest.param(
            {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
            id="Azure's first chunk",
        ),
        pytest.param(
            with_choice(index=0, finish_reason=None, content_filter_offsets={"check_offset": 44}),
            id="Azure's chunk with content_filter_offsets alone",
        ),
    ],
)
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_chunks_without_anything_to_say(chunk, place):
    chunks = [wire.chunk("Hel"), wire.chunk("lo"), wire.chunk(finish="stop")]
    chunks.insert({"first": 0, "middle": 1, "last": 3}[place], chunk)
    answer = streamed(*chunks)
    assert answer.content == "Hello"
    assert answer.finish_reason == "stop"
    assert list(answer.choices) == [0]
    assert answer.model == wire.MODEL


def test_the_first_name_and_id_count():
    chunks = [{**wire.chunk("a"), "id": f"id-{number}", "model": f"m-{number}"} for number in range(3)]
    answer = streamed(*chunks)
    assert (answer.id, answer.model) == ("id-0", "m-0")


def test_message_beside_the_delta_is_not_said_twice():
    """Perplexity repeats everything so far as a message in every chunk."""
    chunks = [
        with_choice(index=0, delta={"content": text}, message={"content": so_far}, finish_reason=None)
        for text, so_far in (("Hel", "Hel"), ("lo", "Hello"))
    ]
    assert streamed(*chunks).content == "Hello"


def test_several_choices_interleave_by_index():
    chunks = [
        wire.chunk("a", index=1),
        wire.chunk("1", index=0),
        wire.chunk("b", index=1, finish="length"),
        wire.chunk("2", index=0, finish="stop"),
    ]
    answer = streamed(*chunks)
    assert [answer.choices[index].content for index in (0, 1)] == ["12", "ab"]
    assert [answer.choices[index].finish_reason for index in (0, 1)] == ["stop", "length"]
    assert answer.content == "12"


@pytest.mark.parametrize("index", [None, "0", 0.0, True])
def test_an_index_that_is_none_is_the_first(index):
    answer = streamed(with_choice(index=index, delta={"content": "a"}), wire.chunk("b", finish="stop"))
    assert {number: choice.content for number, choice in answer.choices.items()} == {0: "ab"}


def test_refusal_in_pieces():
    answer = streamed(wire.chunk(refusal="I "), wire.chunk(refusal="can't"), wire.chunk(finish="stop"))
    assert answer.first.refusal == "I can't"
    assert answer.content == ""


def test_refusal_of_a_whole_answer():
    assert whole(wire.completion(None, refusal="no")).first.refusal == "no"


def test_logprobs():
    token = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}
    chunk = wire.chunk("a")
    chunk["choices"][0]["logprobs"] = {"content": [token], "refusal": None}
    events = decode([chunk, chunk, DONE])
    assert [event for event in events if isinstance(event, Logprobs)] == [Logprobs([token])] * 2
    assert collect(events).first.logprobs == [token, token]


@pytest.mark.parametrize("logprobs", [None, {}, {"content": None}, {"content": []}, [], "x", {"tokens": ["a"]}])
def test_logprobs_without_content(logprobs):
    chunk = wire.chunk("a")
    chunk["choices"][0]["logprobs"] = logprobs
    assert streamed(chunk).first.logprobs == []


# ---- Reasoning ---------------------------------------------------------------------------------------

R = "Because."
DETAILS = [{"type": "reasoning.text", "text": R, "index": 0, "format": None, "signature": None}]
SUMMARY = [{"type": "reasoning.summary", "summary": R}, {"type": "reasoning.encrypted", "data": "x"}]
MISTRAL = [{"type": "thinking", "thinking": [{"type": "text", "text": R}]}, {"type": "text", "text": "Yes."}]

REASONING = [
    pytest.param({"reasoning_content": R, "content": "Yes."}, id="DeepSeek, llama.cpp: reasoning_content"),
    pytest.param({"reasoning": R, "content": "Yes."}, id="vLLM, Groq, Ollama: reasoning"),
    pytest.param({"reasoning_content": R, "reasoning": R, "content": "Yes."}, id="both names, once"),
    pytest.param({"reasoning_content": "", "reasoning": R, "content": "Yes."}, id="the one that isn't empty"),
    pytest.param({"reasoning_content": None, "reasoning": R, "content": "Yes."}, id="the one that isn't null"),
    pytest.param({"reasoning_content": R, "reasoning": None, "content": "Yes."}, id="the other one null"),
    pytest.param({"reasoning": R, "reasoning_details": DETAILS, "content": "Yes."}, id="OpenRouter, once"),
    pytest.param({"reasoning_details": DETAILS, "content": "Yes."}, id="OpenRouter: details alone"),
    pytest.param({"reasoning": None, "reasoning_details": SUMMARY, "content": "Yes."}, id="OpenRouter: summary"),
    pytest.param({"content": MISTRAL}, id="Mistral: content in parts"),
    pytest.param(
        {"content": [{"type": "thinking", "thinking": R}, "Yes."]}, id="thinking as a string, text as a string"
    ),
    pytest.param({"content": f"<think>{R}</think>\n\nYes."}, id="Cohere, Together: tags"),
    pytest.param({"reasoning": R, "content": "Yes.", "reasoning_details": "x"}, id="details of the wrong type"),
    pytest.param(
        {"reasoning": R, "content": [None, 7, {"type": "image_url"}, {"type": "text", "text": "Yes."}]},
        id="parts of nonsense",
    ),
]


@pytest.mark.parametrize("message", REASONING)
def test_reasoning_whole(message):
    body = {**wire.completion(), "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    answer = whole(body)
    assert (answer.reasoning, answer.content) == (R, "Yes.")


@pytest.mark.parametrize("message", REASONING)
def test_reasoning_streamed(message):
    """Reasoning first, then the answer, as deltas of the same shape."""
    reasoning = {name: value for name, value in message.items() if name != "content"}
    answer = streamed(wire.chunk(**reasoning), {**with_choice(delta={"content": message["content"]})})
    assert (answer.reasoning, answer.content) == (R, "Yes.")


def test_reasoning_and_answer_come_as_events_of_their_own():
    chunks = [wire.chunk(reasoning_content="a"), wire.chunk(reasoning="b"), wire.chunk("c", finish="stop")]
    assert decode([*chunks, DONE])[:3] == [Reasoning("a"), Reasoning("b"), Text("c")]


@pytest.mark.parametrize("parts", [[{"type": "thinking", "thinking": None}], [{"type": "thinking"}], [[]], [""]])
def test_empty_thinking(parts):
    assert streamed(with_choice(delta={"content": parts}), wire.chunk("x", finish="stop")).reasoning is None


def test_tags_of_the_quirks():
    content = "<reasoning>Because.</reasoning>Yes."
    assert whole(wire.completion(content)).content == content
    answer = whole(wire.completion(content), Quirks(reasoning_tags=("reasoning",)))
    assert (answer.reasoning, answer.content) == ("Because.", "Yes.")


def test_a_broken_tag_comes_out_at_the_end():
    assert streamed(wire.chunk("<thi", finish="stop")).content == "<thi"


@given(st.text(alphabet="<>/think \nab", max_size=30).map("<think>".__add__), cuts)
def test_tags_cut_anywhere(content, places):
    chunks = [wire.chunk(piece) for piece in cut(content, places)]
    cut_up, at_once = streamed(*chunks), streamed(wire.chunk(content))
    assert (cut_up.reasoning, cut_up.content) == (at_once.reasoning, at_once.content)


# ---- Tool calls --------------------------------------------------------------------------------------


def test_tool_calls_of_a_stream():
    chunks = [
        wire.chunk(role="assistant", content=None),
        wire.chunk(tool_calls=[wire.tool_call("f", "", index=0)]),
        wire.chunk(tool_calls=[{"index": 0, "function": {"arguments": '{"a":'}}]),
        wire.chunk(tool_calls=[{"index": 0, "function": {"arguments": " 1}"}}]),
        wire.chunk(finish="tool_calls"),
    ]
    events = decode([*chunks, DONE])
    assert [event.type for event in events] == [*["tool_call_delta"] * 3, "tool_call", "finish", "done"]
    assert collect(events).tool_calls == [ToolCall(0, "call_1", "f", '{"a": 1}')]


def test_tool_calls_of_a_whole_answer():
    calls = [wire.tool_call("f", '{"a": 1}', id="a"), wire.tool_call("g", "", id="b")]
    answer = whole(wire.completion(None, finish="tool_calls", tool_calls=calls))
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [("f", '{"a": 1}'), ("g", "{}")]
    assert answer.finish_reason == "tool_calls"


@pytest.mark.parametrize("finish", ["stop", "tool_calls", "tool_use", "function_call", "STOP", None, ""])
def test_tool_calls_whatever_the_finish_reason_says(finish):
    """Gemini says stop."""
    assert streamed(wire.chunk(tool_calls=[wire.tool_call("f")], finish=finish)).finish_reason == "tool_calls"


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_tool_calls_that_were_cut_short_are_not_called_complete(finish):
    assert streamed(wire.chunk(tool_calls=[wire.tool_call("f", '{"a')], finish=finish)).finish_reason == finish


def test_function_call_of_old():
    chunks = [
        wire.chunk(function_call={"name": "f", "arguments": ""}),
        wire.chunk(function_call={"arguments": "{}"}),
    ]
    answer = streamed(*chunks, wire.chunk(finish="function_call"))
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [("f", "{}")]
    assert answer.finish_reason == "tool_calls"


def test_tool_calls_null_or_empty():
    assert whole(wire.completion("a", tool_calls=None)).finish_reason == "stop"
    assert whole(wire.completion("a", tool_calls=[])).finish_reason == "stop"


# ---- Finish reasons ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("said", "means"), [*FINISH.items(), ("STOP", "stop"), ("MAX_TOKENS", "length")])
def test_finish_reason(said, means):
    assert whole(wire.completion("a", finish=said)).finish_reason == means
    assert streamed(wire.chunk("a", finish=said)).finish_reason == means


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("content_filter", "content_filter"),
        ("function_call", "tool_calls"),
        ("eos", "stop"),
        ("end_turn", "stop"),
        ("", "stop"),
        (None, "stop"),
    ],
)
def test_finish_reasons_of_the_protocol(said, means):
    assert whole(wire.completion("a", finish=said)).finish_reason == means


def test_an_unknown_finish_reason_is_passed_on():
    assert whole(wire.completion("a", finish="malformed_function_call")).finish_reason == "malformed_function_call"


def test_an_empty_finish_reason_takes_no_other_back():
    answer = streamed(wire.chunk("a", finish="length"), with_choice(index=0, delta={}, finish_reason=""))
    assert answer.finish_reason == "length"


@pytest.mark.parametrize("said", ["error", "insufficient_system_resource", "aborted", "ERROR"])
def test_finish_reasons_that_are_faults(said):
    with pytest.raises(ProviderFault) as caught:
        streamed(wire.chunk("a", finish=said))
    assert caught.value.retryable


# ---- Usage -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([*wire.text_stream("a", usage=wire.usage(5, 2))], id="a chunk of its own"),
        pytest.param([{**wire.chunk("a", finish="stop"), "usage": wire.usage(5, 2)}], id="on the finish chunk"),
        pytest.param(
            [{**wire.chunk("a", finish="stop"), "x_groq": {"id": "r", "usage": wire.usage(5, 2)}}],
            id="Groq: x_groq alone",
        ),
        pytest.param(
            [
                {**wire.chunk("a", finish="stop"), "x_groq": {"usage": wire.usage(5, 2)}},
                wire.usage_chunk(wire.usage(5, 2)),
            ],
            id="Groq: both",
        ),
        pytest.param(
            [
                {**wire.chunk("a"), "usage": wire.usage(5, 1)},
                {**wire.chunk("b", finish="stop"), "usage": wire.usage(5, 2)},
            ],
            id="a running total in every chunk: the last, not the sum",
        ),
        pytest.param(
            [{**wire.chunk("a", finish="stop"), "usage": wire.usage(5, 2)}, {**wire.chunk(), "usage": None}],
            id="null afterwards",
        ),
        pytest.param(
            [{**wire.chunk("a", finish="stop"), "usage": wire.usage(5, 2)}, {**wire.chunk(), "usage": {}}],
            id="empty afterwards",
        ),
    ],
)
def test_usage_of_a_stream(chunks):
    events = decode([*chunks, DONE])
    assert [event for event in events if isinstance(event, Usage)] == [Usage(5, 2, 7)]


def test_unknown_usage_is_not_zero():
    assert streamed(wire.chunk("a")).usage is None


# ---- Ends --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([wire.chunk("a"), DONE], id="[DONE] without a finish_reason"),
        pytest.param([wire.chunk("a", finish="stop")], id="a finish_reason without [DONE]"),
        pytest.param([*wire.text_stream("a", usage=wire.usage())], id="usage without [DONE]"),
        pytest.param([wire.chunk("a", finish="stop"), DONE, "garbage"], id="garbage after [DONE]"),
        pytest.param([wire.chunk("a", finish="stop"), wire.chunk(""), DONE], id="chunks after the finish"),
    ],
)
def test_good_ends(chunks):
    events = decode(chunks)
    assert events[-1] == Done("stop", wire.MODEL, wire.CHAT_ID)
    assert Finish("stop") in events


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([], id="nothing at all"),
        pytest.param([wire.chunk("a")], id="text without an end"),
        pytest.param([wire.chunk(role="assistant")], id="only the role"),
        pytest.param([wire.chunk(tool_calls=[wire.tool_call("f", '{"a', index=0)])], id="half a tool call"),
        pytest.param([wire.chunk("a", finish=""), wire.chunk("b", finish=None)], id="empty finish reasons"),
        pytest.param([{**wire.chunk("a"), "usage": wire.usage()}], id="a running total"),
        pytest.param(
            [wire.chunk("a", index=0, finish="stop"), wire.chunk("b", index=1)], id="one of two choices finished"
        ),
    ],
)
def test_a_cut_is_noticed(chunks):
    with pytest.raises(StreamBroken) as caught:
        decode(chunks)
    assert caught.value.retryable


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([DONE], id="[DONE] alone"),
        pytest.param([wire.usage_chunk(wire.usage()), DONE], id="usage alone"),
        pytest.param([{"choices": []}, DONE], id="no choices"),
    ],
)
def test_an_answer_without_content_is_none(chunks):
    with pytest.raises(NotUnderstood):
        decode(chunks)


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": None}, {"id": "x", "usage": wire.usage()}])
def test_a_whole_answer_without_content_is_none(body):
    with pytest.raises(NotUnderstood):
        whole(body)


def test_a_whole_answer_needs_no_end():
    body = wire.completion("a", finish=None)
    assert whole(body).finish_reason == "stop"
    with pytest.raises(StreamBroken):
        decode([body])


def test_an_empty_answer_is_an_answer():
    answer = whole(wire.completion(None))
    assert (answer.content, answer.finish_reason, answer.complete) == ("", "stop", True)


# ---- Errors in the stream, or in a reply with status 200 ---------------------------------------------


@pytest.mark.parametrize(
    ("payload", "kind", "message"),
    [
        pytest.param(wire.error_body("Bad", code=502), ProviderFault, "Bad", id="envelope"),
        pytest.param(wire.error_body("Slow down", code=429), RateLimited, "Slow down", id="code as a number"),
        pytest.param(wire.error_body("Slow down", code="429"), RateLimited, "Slow down", id="code as digits"),
        pytest.param(
            wire.error_body("Slow down", type="requests", code="rate_limit_exceeded"),
            RateLimited,
            "Slow down",
            id="code as a word",
        ),
        pytest.param(wire.error_body("x", code="insufficient_quota"), QuotaExhausted, "x", id="quota"),
        pytest.param(wire.error_body("x", code="context_length_exceeded"), ContextTooLong, "x", id="context"),
        pytest.param(wire.error_body("x", code="invalid_api_key"), KeyRejected, "x", id="key"),
        pytest.param(wire.error_body("x", type="permission_error"), Forbidden, "x", id="permission"),
        pytest.param(wire.error_body("x", code="model_not_found"), NotFound, "x", id="model"),
        pytest.param(wire.error_body("x", type="overloaded_error"), Overloaded, "x", id="overloaded"),
        pytest.param(wire.error_body("x", type="server_error"), ProviderFault, "x", id="server error"),
        pytest.param(wire.error_body("x", code=400), RequestRefused, "x", id="refused"),
        pytest.param(wire.error_body("x"), RequestRefused, "x", id="refused, without a status"),
        pytest.param({"error": "it broke"}, ProviderFault, "it broke", id="a bare string"),
        pytest.param([wire.error_body("x", code=503)], Overloaded, "x", id="Gemini: in a list"),
        pytest.param({"object": "error", "message": "x", "code": 404}, NotFound, "x", id="vLLM of old: flat"),
        pytest.param({"type": "error", "message": "x"}, ProviderFault, "x", id="flat, by its type"),
        pytest.param({"detail": "Not Found"}, ProviderFault, "Not Found", id="FastAPI: detail"),
        pytest.param(
            {
                "error": {"code": 502, "message": "Provider returned error", "metadata": {"raw": "cause"}},
                "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
            },
            ProviderFault,
            "Provider returned error: cause",
            id="OpenRouter: beside a choice",
        ),
        pytest.param({"error": True}, ProviderFault, "error", id="error true"),
        pytest.param({"error": {"message": ""}}, ProviderFault, "error", id="without a word"),
    ],
)
def test_errors_with_status_200(payload, kind, message):
    for before in ([], [wire.chunk("partial")]):
        decoder = ChatDecoder(Quirks())
        for chunk in before:
            decoder.feed(json.dumps(chunk))
        with pytest.raises(LlmctlError) as caught:
            decoder.feed(json.dumps(payload))
        assert isinstance(caught.value, kind)
        assert message in caught.value.message


def test_a_refusal_without_a_status_is_not_tried_again():
    with pytest.raises(LlmctlError) as caught:
        whole(wire.error_body("messages: field required", type="invalid_request_error"))
    assert not caught.value.retryable


def test_the_codes_and_status_are_kept():
    with pytest.raises(RateLimited) as caught:
        whole({"error": {"message": "x", "code": 429, "type": "Tokens"}})
    assert (caught.value.status, caught.value.codes) == (429, ("tokens",))


@pytest.mark.parametrize("payload", [{"message": "it broke"}, {"error": {"message": "it broke"}}])
def test_event_named_error(payload):
    decoder = ChatDecoder(Quirks())
    with pytest.raises(ProviderFault, match="it broke"):
        decoder.feed(json.dumps(payload), "error")


@pytest.mark.parametrize("data", ['"it broke"', "it broke", "null", "7"])
def test_event_named_error_with_anything(data):
    with pytest.raises(ProviderFault):
        ChatDecoder(Quirks()).feed(data, "error")


@pytest.mark.parametrize(
    "data",
    [
        "{",
        "nul",
        "<html></html>",
        b"\xff\xfe",
        "[" * 100_000,
        "9" * 5000,
        "[]",
        '"x"',
        "7",
        "true",
        "null",
        "[1, 2]",
    ],
    ids=lambda data: repr(data[:10]),
)
def test_what_is_no_answer(data):
    with pytest.raises(NotUnderstood):
        ChatDecoder(Quirks()).feed(data)


def test_parse_json_shows_the_start_of_what_came():
    with pytest.raises(NotUnderstood, match="<html>"):
        parse_json("<html>" + "x" * 10_000)
    with pytest.raises(NotUnderstood) as caught:
        parse_json(b"x" * 10_000)
    assert len(caught.value.message) < 200


# ---- Anything ----------------------------------------------------------------------------------------

NAMES = ["choices", "delta", "message", "content", "text", "type", "thinking", "index", "finish_reason"]
NAMES += ["tool_calls", "function_call", "function", "custom", "id", "name", "arguments", "logprobs", "refusal"]
NAMES += ["reasoning", "reasoning_content", "reasoning_details", "usage", "x_groq", "model", "detail", "object"]
NAMES += ["prompt_tokens", "completion_tokens", "prompt_tokens_details", "cached_tokens", "cost", "total_tokens"]
NAMES += ["error", "code", "status", "details", "metadata", "raw", "innererror"]
ODD = [10**400, -1, 0, 1e400, float("nan"), "", "\ud800", "stop", "error", "<think>", [], {}, True, None]
values = st.recursive(
    st.sampled_from(ODD) | st.text(max_size=5) | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=20,
)
objects = st.dictionaries(st.sampled_from([name for name in NAMES if name != "error"]), values, max_size=6)
chunks = objects | st.builds(
    lambda rest, choice, delta: {**rest, "choices": [{**choice, "delta": delta}]}, objects, objects, objects
)
quirks = st.builds(Quirks, reasoning_apart=st.booleans(), cost=st.sampled_from(["", "cost", "details.cost"]))


def outcome(feed: Iterable[Any], quirks: Quirks) -> Any:
    """The events as JSON, or the error. Anything but our own errors is raised."""
    decoder = ChatDecoder(quirks)
    try:
        events = [event for data in feed for event in decoder.feed(data)] + decoder.finish()
    except LlmctlError as error:
        return error.as_dict()
    return [json.dumps(event.as_dict()) for event in events]


@given(st.lists(chunks | values, max_size=6), quirks, st.booleans())
def test_no_json_raises_anything_but_our_errors(payloads, quirks, done):
    feed = [json.dumps(payload) for payload in payloads]
    outcome([*feed, DONE] if done else feed, quirks)


@given(st.binary(max_size=100) | st.text(max_size=100))
def test_nothing_raises_anything_but_our_errors(data):
    outcome([data], Quirks())


@pytest.mark.parametrize("depth", [100, 200, 320, 450, 600, 800, 900, 2000, 20_000])
@pytest.mark.parametrize(
    ("head", "tail"),
    [
        ('{"error":', "}"),
        ('{"error":{"message":', "}}"),
        ('{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":', "}}]}}]}"),
        ('{"choices":[{"delta":{"content":', "}}]}"),
        ('{"usage":', "}"),
    ],
    ids=["error", "message", "arguments", "content", "usage"],
)
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"message":', "}")], ids=["lists", "objects"])
def test_deep_nesting(depth, head, tail, opening, closing):
    outcome([head + opening * depth + '"x"' + closing * depth + tail], Quirks(cost="x"))


@given(st.lists(st.text(max_size=8), min_size=1, max_size=6), cuts)
def test_from_bytes_to_text_however_they_are_cut(pieces, places):
    chunks = [json.dumps(chunk, ensure_ascii=False) for chunk in wire.text_stream(*pieces)]
    stream = "".join(f"data: {chunk}\n\n" for chunk in [*chunks, DONE]).encode()
    sse, decoder = SSEDecoder(), ChatDecoder(Quirks(reasoning_tags=()))
    events = [
        event
        for portion in cut(stream, places)
        for name, data in sse.feed(portion)
        for event in decoder.feed(data, name)
    ]
    assert collect(events + decoder.finish()).content == "".join(pieces)


def test_refusals_are_events():
    assert Refusal("no") in decode([wire.chunk(refusal="no"), DONE])


def test_a_byte_order_mark_before_a_whole_answer():
    decoder = ChatDecoder(Quirks())
    events = decoder.feed(b"\xef\xbb\xbf" + json.dumps(wire.completion("fine")).encode())
    assert [event.text for event in events if isinstance(event, Text)] == ["fine"]
