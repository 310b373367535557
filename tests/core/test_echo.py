"""What has to be sent back unchanged: blocks of reasoning, thought signatures."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.splits import cut, cuts
from llmctl.core.answer import Answer
from llmctl.core.chat import ChatDecoder
from llmctl.core.echo import EchoCollector
from llmctl.core.events import Echo
from llmctl.core.quirks import Quirks
from support import wire

TEXT = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
SUMMARY = {"type": "reasoning.summary", "format": "openai-responses-v1", "index": 0}
SECRET = {"type": "reasoning.encrypted", "format": "google-gemini-v1", "index": 0}


def collect(*deltas: dict[str, Any], whole: bool = False) -> dict[str, Any]:
    collector = EchoCollector()
    for delta in deltas:
        collector.feed(delta, whole)
    return collector.fields()


def details(*items: Any, whole: bool = False) -> Any:
    """What comes of these items, a delta each (or all in one message)."""
    deltas = [{"reasoning_details": list(items)}] if whole else [{"reasoning_details": [item]} for item in items]
    return collect(*deltas, whole=whole).get("reasoning_details")


def answer(*chunks: Any, whole: bool = False) -> Answer:
    decoder = ChatDecoder(Quirks())
    collected = Answer()
    for chunk in chunks:
        for event in decoder.feed(json.dumps(chunk)):
            collected.add(event)
    for event in decoder.finish(True):
        collected.add(event)
    return collected


def test_nothing():
    assert (
        collect({"content": "Hi", "reasoning_details": None, "extra_content": None}, {"reasoning_details": 3})
        == {}
    )


@given(st.text(min_size=1), cuts)
def test_the_fragments_of_a_block_are_joined(text, places):
    pieces = cut(text, places)
    items = [{**TEXT, "text": piece} for piece in pieces]
    signed = {**TEXT, "text": text, "signature": "s"}
    assert details(*items, {**TEXT, "signature": "s"}) == [signed]
    assert details(*items[:-1], {**items[-1], "signature": "s"}) == [signed]


def test_blocks_stay_apart_and_in_their_order():
    items = [
        {**SUMMARY, "summary": "One"},
        {**SUMMARY, "summary": " two"},
        {**TEXT, "text": "a"},
        {**TEXT, "index": 1, "text": "b"},
        {**SECRET, "id": "call_1", "data": "x"},
        {**SECRET, "id": "call_2", "data": "y"},
        {**SECRET, "id": "call_2", "data": "y"},
        {**TEXT, "text": "c"},
    ]
    assert details(*items) == [{**SUMMARY, "summary": "One two"}, {**TEXT, "text": "ac"}, items[3], *items[4:7]]


def test_ids_tell_blocks_apart():
    one, two = {**TEXT, "id": "r1", "text": "a"}, {**TEXT, "id": "r2", "text": "b"}
    assert details(one, two, {**TEXT, "id": None, "text": "c"}) == [one, {**two, "text": "bc"}]


def test_fragments_without_an_index_go_on_with_the_last_block():
    bare = {"type": "reasoning.text"}
    items = [
        {**bare, "text": "a"},
        {**bare, "text": "b"},
        {"type": "reasoning.encrypted", "data": "x"},
        {**bare, "text": "c"},
    ]
    assert details(*items) == [{**bare, "text": "ab"}, items[2], items[3]]


def test_what_is_no_block_is_kept_as_it_is():
    assert details("odd", 3, {"type": "new", "stuff": [1]}) == ["odd", 3, {"type": "new", "stuff": [1]}]


def test_nothing_of_a_whole_message_is_joined():
    items = [{**TEXT, "text": "a"}, {**TEXT, "text": "b"}, {"type": "reasoning.text", "text": "c"}]
    assert details(*items, whole=True) == items
    extra = {"google": {"thought": True, "thought_signature": "s"}}
    assert collect({"extra_content": extra}, whole=True) == {"extra_content": extra}


def test_thought_signatures_of_a_message():
    deltas = [
        {"content": "<thought>", "extra_content": {"google": {"thought": True}}},
        {"content": "Hi", "extra_content": {"google": {"thought_signature": "a"}}},
        {"content": "", "extra_content": {"google": {"thought_signature": "b"}, "other": {"n": 1}}},
    ]
    before = copy.deepcopy(deltas)
    assert collect(*deltas) == {"extra_content": {"google": {"thought_signature": "b"}, "other": {"n": 1}}}
    assert collect(deltas[0]) == {}  # the mark is that delta's, not the message's
    assert deltas == before


def test_the_answer_holds_it_as_json_and_as_a_message():
    call = {**wire.tool_call("f", "{}", index=0), "extra_content": {"google": {"thought_signature": "c"}}}
    found = answer(
        wire.chunk(reasoning="Hm", reasoning_details=[{**TEXT, "text": "Hm"}]),
        wire.chunk(tool_calls=[call], extra_content={"google": {"thought_signature": "m"}}),
        wire.chunk(finish="tool_calls"),
    )
    echo = {"reasoning_details": [{**TEXT, "text": "Hm"}], "extra_content": {"google": {"thought_signature": "m"}}}
    assert found.first.echo == echo
    assert found.first.as_dict()["echo"] == echo
    assert found.first.as_message() == {
        "role": "assistant",
        "content": None,
        "reasoning": "Hm",
        "tool_calls": [{key: value for key, value in call.items() if key != "index"}],
        **echo,
    }
    assert Echo(echo).as_dict() == {"type": "echo", "fields": echo, "index": 0}


def test_messages_of_plain_answers():
    assert answer(wire.completion("Hi")).first.as_message() == {"role": "assistant", "content": "Hi"}
    assert answer(wire.completion("")).first.as_message() == {"role": "assistant", "content": ""}
    refused = answer(wire.completion(None, refusal="No.")).first
    assert refused.as_message() == {"role": "assistant", "content": None, "refusal": "No."}
    assert "echo" not in refused.as_dict()
