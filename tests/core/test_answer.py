"""An answer collected from events, and the events as JSON."""

from __future__ import annotations

import json

import pytest

from llmctl.core.answer import Answer
from llmctl.core.events import (
    Done,
    Event,
    Finish,
    Logprobs,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolCallDelta,
    Usage,
)

CALL = ToolCall(0, "a", "f", "{}")


def collect(*events: Event) -> Answer:
    answer = Answer()
    for event in events:
        answer.add(event)
    return answer


def test_nothing_yet():
    answer = Answer()
    assert (answer.content, answer.reasoning, answer.tool_calls, answer.finish_reason) == ("", None, [], None)
    assert (answer.usage, answer.model, answer.id, answer.complete) == (None, None, None, False)


def test_everything():
    answer = collect(
        Reasoning("Be"),
        Reasoning("cause"),
        Text("Hel"),
        Text("lo"),
        ToolCallDelta(0, "a", "f", "{}"),
        CALL,
        Logprobs([1]),
        Logprobs([2]),
        Refusal("n"),
        Refusal("o"),
        Finish("tool_calls"),
        Usage(1, 2, 3),
        Done("tool_calls", "m", "id-1"),
    )
    assert (answer.content, answer.reasoning, answer.first.refusal) == ("Hello", "Because", "no")
    assert (answer.tool_calls, answer.finish_reason, answer.first.logprobs) == ([CALL], "tool_calls", [1, 2])
    assert (answer.usage, answer.model, answer.id, answer.complete) == (Usage(1, 2, 3), "m", "id-1", True)
    assert answer.first.as_dict() == {
        "content": "Hello",
        "reasoning": "Because",
        "refusal": "no",
        "tool_calls": [CALL.as_message()],
        "finish_reason": "tool_calls",
        "logprobs": [1, 2],
    }


def test_a_broken_answer_keeps_its_part():
    answer = collect(Text("Hel"))
    assert (answer.content, answer.complete, answer.finish_reason) == ("Hel", False, None)
    assert "logprobs" not in answer.first.as_dict()


def test_the_first_choice_speaks_for_the_answer():
    answer = collect(Text("b", 1), Text("a", 0), Finish("length", 0), Finish("stop", 1))
    assert (answer.content, answer.finish_reason) == ("a", "length")
    assert {index: choice.content for index, choice in answer.choices.items()} == {0: "a", 1: "b"}


def test_the_last_usage_counts():
    assert collect(Usage(1, 1, 2), Usage(1, 5, 6)).usage == Usage(1, 5, 6)


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        (Text("a"), {"type": "text", "text": "a", "index": 0}),
        (Reasoning("a", 1), {"type": "reasoning", "text": "a", "index": 1}),
        (Refusal("a"), {"type": "refusal", "text": "a", "index": 0}),
        (
            ToolCallDelta(0, "a", "f", "{"),
            {"type": "tool_call_delta", "call": 0, "id": "a", "name": "f", "arguments": "{", "index": 0},
        ),
        (
            ToolCall(0, "a", "f", "{}", extra={"x": {"y": 1}}),
            {"type": "tool_call", "call": 0, "id": "a", "name": "f", "arguments": "{}", "index": 0}
            | {"kind": "function", "extra": {"x": {"y": 1}}},
        ),
        (Logprobs([{"token": "a"}]), {"type": "logprobs", "content": [{"token": "a"}], "index": 0}),
        (Finish("stop"), {"type": "finish", "reason": "stop", "index": 0}),
        (Done("stop", "m"), {"type": "done", "finish_reason": "stop", "model": "m", "id": None}),
    ],
    ids=lambda value: value.type if isinstance(value, Event) else "",
)
def test_events_as_json(event, shown):
    """The keys of --jsonl are stable."""
    assert json.loads(json.dumps(event.as_dict())) == shown


@pytest.mark.parametrize("kind", ["function", "custom"])
def test_tool_call_as_message(kind):
    body = {"name": "f", "arguments": "x"} if kind == "function" else {"name": "f", "input": "x"}
    call = ToolCall(0, "a", "f", "x", kind=kind, extra={"extra_content": 1})
    assert call.as_message() == {"id": "a", "type": kind, kind: body, "extra_content": 1}
