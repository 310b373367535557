"""The tap on a stream: whatever the portions and whatever the bytes, events are whole and nothing else happens."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from core.splits import cut, cuts, each_one
from llmctl.errors import LlmctlError
from llmctl.gateway.tap import DONE, Tap

ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n", b"\r\n\n")
MADE = re.compile(rb"chatcmpl-[0-9a-f]{24}")
scalars = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(st.characters(), max_size=5)
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


def objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of these fields, each as it should be or anything else, and others that nobody knows."""
    known = st.fixed_dictionaries({}, optional={name: right | anything for name, right in fields.items()})
    more = st.dictionaries(st.text(max_size=5), anything, max_size=2)
    return st.builds(lambda one, other: {**other, **one}, known, more)


indexes = st.integers(0, 2)
texts = st.text(st.characters(codec="utf-8"), max_size=8)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
functions = objects(name=texts, arguments=texts | st.dictionaries(texts, scalars, max_size=2))
calls = objects(index=indexes, id=texts, type=st.just("function"), function=functions)
deltas = objects(role=texts, content=texts, tool_calls=st.lists(calls, max_size=2), reasoning_content=texts)
reasons = st.sampled_from([None, "", "stop", "tool_calls", "length", "error"])
choices = objects(index=indexes, delta=deltas, finish_reason=reasons, text=texts)
usages = st.fixed_dictionaries(
    {"prompt_tokens": st.integers(0, 99)}, optional={"completion_tokens": st.integers()}
)
chunks = objects(
    id=texts, model=texts, choices=st.lists(choices, max_size=2), usage=usages, error=anything, x_groq=anything
)
ends = st.sampled_from([b"\n", b"\r\n", b"\r"])


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def event(payload: bytes, end: bytes, head: bytes) -> bytes:
    return head + payload + end + end


events = st.builds(
    event,
    chunks.map(encoded) | anything.map(encoded) | st.just(b"[DONE]") | st.binary(max_size=10),
    ends,
    st.sampled_from([b"data: ", b"data:", b"event: error\ndata: ", b": ", b"", b"id: 1\r\ndata: "]),
)
streams = st.lists(events, max_size=6).map(b"".join)


def told(tap: Tap, portions: list[bytes]) -> tuple[bytes, str, dict[str, Any]]:
    """(what went on, the error, what the tap knows) of a stream that came in these portions."""
    passed, error = [], ""
    try:
        for portion in portions:
            passed += tap.feed(portion)
            if tap.failure is not None:
                raise tap.failure
            if tap.done:
                break
        else:
            passed += tap.finish()
    except LlmctlError as failure:
        error = failure.message
    assert all(whole.endswith(ENDS) for whole in passed)
    known = {"begun": tap.begun, "done": tap.done, "complete": tap.complete}
    known |= {"usage": tap.usage, "model": tap.model, "reasons": tap.reasons}
    return MADE.sub(b"made", b"".join(passed)), error, known


@given(streams | st.binary(), cuts, st.booleans(), st.booleans())
@example(b'data: {"id":null,"choices":[{"delta":{"content":"\\ud800"}}]}\n\n', [], True, True)
@example(b'data: {"id":1,"choices":[{"delta":{"content":"\\ud800"}}]}\n\n', [], True, True)
@example(b'data: {"id":null,"x":"\xff","choices":[{"delta":{"content":"a"}}]}\n\n', [], True, True)
@example(b'data: {"error":"x","x":"\xff"}\n\n', [], True, False)
@example(b'data: {"id":null,"x":1e999,"choices":[{"delta":{"content":"a"}}]}\n\n', [], True, True)
@example(b'data: {"id":1,"x":%b,"choices":[]}\n\n' % (b"9" * 5000), [], True, True)
@example(b'data: {"id":null,"x":%b1%b}\n\n' % (b"[" * 60_000, b"]" * 60_000), [], True, True)
@example(b"data: [DONE]\r\n\r\ndata: more\r\n\r\n", [13, 14, 15], True, True)
def test_any_bytes_are_the_same_in_any_portions(stream, places, keeps_usage, mends):
    """Nothing but our own errors is raised on the way."""
    whole = told(Tap(keeps_usage, mends), [stream])
    assert told(Tap(keeps_usage, mends), cut(stream, places)) == whole
    assert told(Tap(keeps_usage, mends), each_one(stream)) == whole


def test_a_number_that_can_not_be_written_again_stays_as_it_is():
    event = b'data: {"id":"0","x":1E400,"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a"}]}}]}\n\n'
    assert Tap(False).feed(event) == [event]


# clean streams

unknown = st.dictionaries(st.sampled_from(["obfuscation", "service_tier", "x", "logprobs"]), anything, max_size=1)
pieces = texts | st.just("\ud83d")
right_call = st.fixed_dictionaries(
    {
        "index": indexes,
        "id": names,
        "function": st.fixed_dictionaries({"name": texts, "arguments": texts}),
    }
)
right_deltas = st.one_of(
    st.fixed_dictionaries({"content": pieces}, optional={"role": st.just("assistant"), "refusal": st.none()}),
    st.fixed_dictionaries({"reasoning_content": pieces}),
    st.fixed_dictionaries({"tool_calls": st.lists(right_call, min_size=1, max_size=2)}),
)
right_choices = st.lists(
    st.builds(
        lambda index, delta, more: {"index": index, "delta": delta, "finish_reason": None, **more},
        indexes, right_deltas, unknown,
    ),
    min_size=1, max_size=2,
)  # fmt: skip


@st.composite
def clean_streams(draw: st.DrawFn) -> tuple[bytes, bytes, bytes]:
    """(events of an answer, its usage chunk, the end), as a faultless provider could write them."""
    head = {"id": draw(names), "object": "chat.completion.chunk", "model": "m"}
    spoken = [{**head, **draw(unknown), "choices": draw(right_choices)} for _ in range(draw(st.integers(1, 4)))]
    last = {"index": 0, "delta": {}, "finish_reason": draw(st.sampled_from(["tool_calls", "length"]))}
    usage = {**head, "choices": [], "usage": draw(usages)}
    written = [written_by(draw, chunk) for chunk in [*spoken, {**head, "choices": [last]}, usage]]
    return b"".join(written[:-1]), written[-1], DONE


def written_by(draw: st.DrawFn, chunk: dict[str, Any]) -> bytes:
    """One of the ways to write the chunk."""
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", "  : ")]))
    payload = json.dumps(chunk, separators=separators).replace("NaN", "1e999").replace("Infinity", "1E400")
    return draw(st.sampled_from([b"data: ", b"data:"])) + payload.encode() + b"\n\n"


@given(clean_streams(), cuts, st.booleans(), st.booleans())
def test_clean_streams_come_out_byte_for_byte(parts, places, keeps_usage, mends):
    spoken, usage, end = parts
    tap = Tap(keeps_usage, mends)
    passed, error, known = told(tap, cut(spoken + usage + end, places))
    assert (passed, error) == (spoken + usage + end if keeps_usage else spoken + end, "")
    assert known["done"]
    assert known["usage"] == json.loads(usage.partition(b":")[2])["usage"]
