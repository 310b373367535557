"""Whole completions as streams: in OpenAI's order, and saying the same as before."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.splits import cut, cuts
from llmctl.core.answer import Answer
from llmctl.core.chat import ChatDecoder
from llmctl.core.quirks import Quirks
from llmctl.core.rechunk import MOST_PIECES, as_chunks, as_sse
from llmctl.core.sse import SSEDecoder

USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
LOGPROBS = {"content": [{"token": "Hi", "logprob": -0.1}, {"token": " you", "logprob": -0.2}], "refusal": None}


def completion(*messages: dict[str, Any], reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    choices = [
        {"index": number, "message": {"role": "assistant", **message}, "finish_reason": reason, "logprobs": None}
        for number, message in enumerate(messages)
    ]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "m",
        "choices": choices,
        "usage": USAGE,
        **more,
    }


def answer_of(payloads: Iterable[bytes | str], quirks: Quirks, whole: bool) -> Answer:
    decoder, answer = ChatDecoder(quirks), Answer()
    events = [event for payload in payloads for event in decoder.feed(payload)]
    for event in [*events, *decoder.finish(whole)]:
        answer.add(event)
    return answer


def streamed(body: dict[str, Any], places: list[int], quirks: Quirks) -> Answer:
    decoder = SSEDecoder()
    wire = b"".join(as_sse(as_chunks(body, include_usage=True)))
    events = [event for portion in cut(wire, places) for event in decoder.feed(portion)]
    assert decoder.flush() == []
    assert events[-1] == ("", b"[DONE]")
    return answer_of([data for _, data in events], quirks, whole=False)


def told(answer: Answer) -> dict[str, Any]:
    """All that an answer says, whatever the pieces in which it came."""
    choices = {index: choice.as_dict() for index, choice in answer.choices.items()}
    return {**vars(answer), "choices": choices}


def text_of(chunks: list[dict[str, Any]], name: str) -> str:
    return "".join(chunk["choices"][0]["delta"].get(name) or "" for chunk in chunks if chunk["choices"])


def test_the_order_is_openais() -> None:
    message = {"content": "Hello there, world", "reasoning_content": "Hm.", "refusal": None}
    chunks = as_chunks(completion(message, system_fingerprint="fp"), include_usage=True)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    assert deltas == [
        {"role": "assistant", "content": "", "refusal": None},
        {"reasoning_content": "Hm."},
        {"content": "Hello"},
        {"content": " there,"},
        {"content": " world"},
        {},
    ]
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]]
    assert reasons == [None] * 5 + ["stop"]
    assert all(chunk["usage"] is None for chunk in chunks[:-1])
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == USAGE
    same = {(chunk["id"], chunk["object"], chunk["created"], chunk["model"]) for chunk in chunks}
    assert same == {("chatcmpl-1", "chat.completion.chunk", 1700000000, "m")}
    assert {chunk["system_fingerprint"] for chunk in chunks} == {"fp"}


def test_usage_is_left_out_where_nobody_asked_for_it() -> None:
    chunks = as_chunks(completion({"content": "Hi"}))
    assert all(chunk["choices"] and "usage" not in chunk for chunk in chunks)


def test_no_chunk_of_usage_where_none_is_known() -> None:
    chunks = as_chunks(completion({"content": "Hi"}, usage=None), include_usage=True)
    assert all(chunk["choices"] for chunk in chunks)


def test_each_event_is_one_line_of_data() -> None:
    portions = as_sse(as_chunks(completion({"content": "a\nb\r\n\u2028c \ud83d"})))
    assert portions[-1] == b"data: [DONE]\n\n"
    for portion in portions[:-1]:
        assert portion.startswith(b"data: {")
        assert portion.endswith(b"}\n\n")
        assert portion.count(b"\n") == 2
    texts = [json.loads(portion[6:])["choices"][0]["delta"].get("content") or "" for portion in portions[:-1]]
    assert "".join(texts) == "a\nb\r\n\u2028c \ud83d"


@given(st.text(alphabet="ab \n", max_size=300))
def test_a_text_comes_in_few_pieces_that_make_it_up(text: str) -> None:
    chunks = as_chunks(completion({"content": text}))
    assert text_of(chunks, "content") == text
    assert len(chunks) <= MOST_PIECES + 2


def test_tool_calls_come_whole_with_their_numbers() -> None:
    calls = [
        {
            "id": "a",
            "type": "function",
            "function": {"name": "f", "arguments": '{"x": 1}'},
            "extra_content": {"s": 1},
        },
        {"id": "b", "function": {"name": "g", "arguments": {"y": 2}}},
        {"id": "c", "type": "custom", "custom": {"name": "h", "input": "free text"}},
    ]
    chunks = as_chunks(completion({"content": None, "tool_calls": calls}, reason="tool_calls"))
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": None, "refusal": None}
    assert [delta["tool_calls"] for delta in deltas[1:-1]] == [
        [{**calls[0], "index": 0}],
        [{"id": "b", "type": "function", "function": {"name": "g", "arguments": '{"y": 2}'}, "index": 1}],
        [{**calls[2], "index": 2}],
    ]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"content": "x"}, "stop"),
        ({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]}, "tool_calls"),
        ({"function_call": {"name": "f", "arguments": "{}"}}, "tool_calls"),
    ],
)
def test_a_missing_reason_is_given_since_a_stream_without_one_looks_cut(
    message: dict[str, Any], reason: str
) -> None:
    chunks = as_chunks(completion(message, reason=None))
    assert chunks[-1]["choices"][0]["finish_reason"] == reason


def test_log_probabilities_stay_with_their_text() -> None:
    body = completion({"content": "Hi you"})
    body["choices"][0]["logprobs"] = LOGPROBS
    chunks = as_chunks(body)
    entries = [chunk["choices"][0] for chunk in chunks if chunk["choices"][0]["logprobs"]]
    assert [(entry["delta"], entry["logprobs"]) for entry in entries] == [({"content": "Hi you"}, LOGPROBS)]


def test_log_probabilities_of_nothing_come_at_the_end() -> None:
    body = completion({"content": None, "function_call": {"name": "f", "arguments": {"x": 1}}})
    body["choices"][0]["logprobs"] = LOGPROBS
    chunks = as_chunks(body)
    assert [chunk["choices"][0]["logprobs"] for chunk in chunks] == [None, None, LOGPROBS]
    assert chunks[1]["choices"][0]["delta"] == {"function_call": {"name": "f", "arguments": '{"x": 1}'}}


def test_fields_that_nobody_knows_are_kept_once() -> None:
    body = completion({"content": "Hi", "annotations": [{"a": 1}]}, citations=["u"], timings={"t": 1})
    body["choices"][0]["content_filter_results"] = {"hate": {"filtered": False}}
    chunks = as_chunks(body, include_usage=True)
    assert chunks[0]["choices"][0]["delta"]["annotations"] == [{"a": 1}]
    assert chunks[-2]["choices"][0]["content_filter_results"] == {"hate": {"filtered": False}}
    assert (chunks[-2]["citations"], chunks[-2]["timings"]) == (["u"], {"t": 1})
    for name in ("annotations", "content_filter_results", "citations", "timings"):
        assert json.dumps(chunks).count(name) == 1
    assert as_chunks(body)[-1]["citations"] == ["u"]


def test_several_choices_end_after_all_have_told() -> None:
    chunks = as_chunks(completion({"content": "one"}, {"content": "two"}))
    entries = [(entry["index"], entry["finish_reason"]) for chunk in chunks for entry in chunk["choices"]]
    assert entries == [(0, None), (0, None), (1, None), (1, None), (0, "stop"), (1, "stop")]


def test_text_completions_stay_text_completions() -> None:
    body = {
        "id": "cmpl-1",
        "object": "text_completion",
        "choices": [{"index": 0, "text": "one two", "logprobs": None, "finish_reason": "length"}],
        "usage": USAGE,
    }
    chunks = as_chunks(body, include_usage=True)
    assert {chunk["object"] for chunk in chunks} == {"text_completion"}
    entries = [entry for chunk in chunks for entry in chunk["choices"]]
    assert entries == [
        {"index": 0, "text": "one", "logprobs": None, "finish_reason": None},
        {"index": 0, "text": " two", "logprobs": None, "finish_reason": None},
        {"index": 0, "text": "", "logprobs": None, "finish_reason": "length"},
    ]
    assert chunks[-1]["usage"] == USAGE


def test_blocks_of_reasoning_stay_apart() -> None:
    details = [{"type": "reasoning.text", "text": "a"}, {"type": "reasoning.text", "text": "b"}]
    body = completion({"content": "x", "reasoning": "ab", "reasoning_details": details})
    answer = streamed(body, [], Quirks())
    assert answer.reasoning == "ab"
    assert [item["text"] for item in answer.first.echo["reasoning_details"]] == ["a", "b"]


words = st.text(max_size=60)
some = st.text(min_size=1, max_size=12)
functions = st.builds(
    lambda name, arguments: {"type": "function", "function": {"name": name, "arguments": arguments}},
    some,
    st.one_of(st.just(""), st.just("{}"), st.builds(json.dumps, st.dictionaries(some, words, max_size=2))),
)
customs = st.builds(lambda name, text: {"type": "custom", "custom": {"name": name, "input": text}}, some, words)
calls = st.lists(st.one_of(functions, customs), max_size=3).map(
    lambda found: [{"id": f"call_{number}x", **call} for number, call in enumerate(found)]
)
thinking = st.builds(lambda thought, text: f"<think>{thought}</think>\n{text}", words, words)
parts = st.lists(
    st.one_of(
        st.builds(lambda text: {"type": "text", "text": text}, words),
        st.builds(lambda text: {"type": "thinking", "thinking": [{"type": "text", "text": text}]}, words),
    ),
    max_size=3,
)
messages = st.fixed_dictionaries(
    {"content": st.one_of(st.none(), words, thinking, parts)},
    optional={
        "reasoning_content": words,
        "reasoning": words,
        "refusal": words,
        "tool_calls": calls,
        "annotations": st.just([]),
    },
)
reasons = st.sampled_from(["stop", "length", "tool_calls", "content_filter", "eos", "", None])
counts = st.integers(0, 10**6)
usages = st.one_of(
    st.none(),
    st.fixed_dictionaries({"prompt_tokens": counts, "completion_tokens": counts, "total_tokens": counts}),
)
completions = st.builds(
    lambda found, reason, usage: completion(*found, reason=reason, usage=usage),
    st.lists(messages, min_size=1, max_size=3),
    reasons,
    usages,
)
texts = st.builds(
    lambda text, reason: {
        "object": "text_completion",
        "choices": [{"index": 0, "text": text, "finish_reason": reason}],
    },
    words,
    reasons,
)


@given(st.one_of(completions, texts), cuts, st.sampled_from([(), ("think",)]))
def test_a_stream_says_the_same_as_the_whole(
    body: dict[str, Any], places: list[int], tags: tuple[str, ...]
) -> None:
    quirks = Quirks(reasoning_tags=tags)
    whole = answer_of([json.dumps(body)], quirks, whole=True)
    assert told(streamed(body, places, quirks)) == told(whole)


names = st.one_of(
    st.sampled_from(["choices", "message", "text", "content", "refusal", "reasoning_details", "usage"]),
    st.sampled_from(["tool_calls", "function", "function_call", "arguments", "custom", "index", "logprobs"]),
)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), words),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=4)),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(names, json_values, max_size=6), max_size=3), st.booleans())
def test_whatever_a_provider_answers_gives_a_stream(choices: list[dict[str, Any]], include_usage: bool) -> None:
    for portion in as_sse(as_chunks({"choices": choices}, include_usage))[:-1]:
        chunk = json.loads(portion[6:])
        (entry,) = chunk["choices"]
        assert {"index", "finish_reason", "logprobs"} <= set(entry)
