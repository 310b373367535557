"""Tool calls from their fragments, in every way that providers break them up."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.splits import cut, cuts, each_one
from llmctl.core.events import ToolCall
from llmctl.core.toolcalls import ToolCallAssembler
from support import wire

PARIS, ROME = '{"city": "Paris"}', '{"city": "Rome"}'


def assemble(*fragments: Any, choice: int = 0) -> list[ToolCall]:
    """One fragment a delta."""
    assembler = ToolCallAssembler(choice)
    for fragment in fragments:
        assembler.feed([fragment])
    return assembler.calls()


def told(calls: list[ToolCall]) -> list[tuple[str, str, str]]:
    return [(call.id, call.name, call.arguments) for call in calls]


def piece(arguments: Any = None, **fields: Any) -> dict[str, Any]:
    """A later fragment, with only what is given."""
    name = {"name": fields.pop("name")} if "name" in fields else {}
    return {**fields, "function": {**name, **({} if arguments is None else {"arguments": arguments})}}


CASES = [
    pytest.param(
        [wire.tool_call("f", "", index=0), piece('{"city":', index=0), piece(' "Paris"}', index=0)],
        [("call_1", "f", PARIS)],
        id="OpenAI's order: the head, then pieces by index",
    ),
    pytest.param([wire.tool_call("f", PARIS, index=0)], [("call_1", "f", PARIS)], id="whole at once"),
    pytest.param([wire.tool_call("f", "", index=0)], [("call_1", "f", "{}")], id="no arguments become an object"),
    pytest.param([piece(index=0, id="a", name="f")], [("a", "f", "{}")], id="arguments missing"),
    pytest.param(
        [{"index": 0, "id": "a", "function": {"name": "f", "arguments": None}}],
        [("a", "f", "{}")],
        id="arguments null",
    ),
    pytest.param(
        [
            wire.tool_call("f", "", id="a", index=0),
            wire.tool_call("g", "", id="b", index=1),
            piece('{"city":', index=0),
            piece('{"city": "Rome"', index=1),
            piece(' "Paris"}', index=0),
            piece("}", index=1),
        ],
        [("a", "f", PARIS), ("b", "g", ROME)],
        id="two calls interleaved by index",
    ),
    pytest.param(
        [wire.tool_call("g", ROME, id="b", index=1), wire.tool_call("f", PARIS, id="a", index=0)],
        [("b", "g", ROME), ("a", "f", PARIS)],
        id="indexes that don't begin at 0",
    ),
    pytest.param(
        [wire.tool_call("f", PARIS, id="a"), wire.tool_call("f", ROME, id="b")],
        [("a", "f", PARIS), ("b", "f", ROME)],
        id="Gemini: no index, one whole call a delta",
    ),
    pytest.param(
        [piece(PARIS, id="", name="f"), piece(ROME, id="", name="f")],
        [("call_0", "f", PARIS), ("call_1", "f", ROME)],
        id="Gemini: no index, empty ids",
    ),
    pytest.param(
        [piece(PARIS, name="f"), piece(ROME, name="g")],
        [("call_0", "f", PARIS), ("call_1", "g", ROME)],
        id="no index and no ids",
    ),
    pytest.param(
        [wire.tool_call("f", '{"city":', id="a"), piece(' "Paris"}', id="a"), wire.tool_call("g", ROME, id="b")],
        [("a", "f", PARIS), ("b", "g", ROME)],
        id="no index, the id in every fragment",
    ),
    pytest.param(
        [wire.tool_call("f", '{"city":', id="a"), piece(' "Paris"}')],
        [("a", "f", PARIS)],
        id="no index, later fragments without an id",
    ),
    pytest.param(
        [
            wire.tool_call("f", '{"city":', id="a"),
            wire.tool_call("g", '{"city":', id="b"),
            piece(' "Paris"}', id="a"),
            piece(' "Rome"}', id="b"),
        ],
        [("a", "f", PARIS), ("b", "g", ROME)],
        id="no index, two calls interleaved by id",
    ),
    pytest.param(
        [wire.tool_call("f", PARIS, id="a"), wire.tool_call("f", ROME, id="a")],
        [("a", "f", PARIS), ("a", "f", ROME)],
        id="no index, one id for every call",
    ),
    pytest.param(
        [
            wire.tool_call("f", PARIS, id="a"),
            wire.tool_call("f", '{"city":', id="a"),
            wire.tool_call("f", ' "Rome"}', id="a"),
            wire.tool_call("f", "", id="a"),
        ],
        [("a", "f", PARIS), ("a", "f", ROME)],
        id="no index, one id for every call, the second in pieces that repeat the name",
    ),
    pytest.param(
        [
            {**wire.tool_call("f", PARIS, id="a"), "index": None},
            {**wire.tool_call("g", ROME, id="b"), "index": None},
        ],
        [("a", "f", PARIS), ("b", "g", ROME)],
        id="index null",
    ),
    pytest.param(
        [wire.tool_call("f", '{"city":', index=0), piece(' "Paris"}', index=0, id=None)],
        [("call_1", "f", PARIS)],
        id="id null in later fragments",
    ),
    pytest.param(
        [wire.tool_call("f", '{"city":', index=0), piece(' "Paris"}', index=0, id="", name="")],
        [("call_1", "f", PARIS)],
        id="id and name empty in later fragments",
    ),
    pytest.param(
        [wire.tool_call("f", '{"city":', index=0), wire.tool_call("f", ' "Paris"}', index=0)],
        [("call_1", "f", PARIS)],
        id="id and name repeated in every fragment",
    ),
    pytest.param(
        [piece('{"city":', index=0, name="f"), piece(' "Paris"}', index=0, id="late")],
        [("late", "f", PARIS)],
        id="the id comes late",
    ),
    pytest.param(
        [piece("", index=0, id="a"), piece(PARIS, index=0, name="f")],
        [("a", "f", PARIS)],
        id="the name comes late",
    ),
    pytest.param(
        [piece({"city": "Zürich"}, index=0, id="a", name="f")],
        [("a", "f", '{"city": "Zürich"}')],
        id="arguments as an object",
    ),
    pytest.param([piece({}, index=0, id="a", name="f")], [("a", "f", "{}")], id="arguments as an empty object"),
    pytest.param(
        [wire.tool_call("f", PARIS, id="a", index=0), wire.tool_call("g", ROME, id="b", index=0)],
        [("a", "f", PARIS), ("b", "g", ROME)],
        id="index 0 for every call",
    ),
    pytest.param(
        [
            wire.tool_call("f", PARIS, id="a", index=0),
            wire.tool_call("g", '{"city":', id="b", index=0),
            piece(' "Rome"}', index=0),
        ],
        [("a", "f", PARIS), ("b", "g", ROME)],
        id="index 0 for every call, the second one in pieces",
    ),
    pytest.param(
        [wire.tool_call("f", "", id="a", index=0), wire.tool_call("g", "", id="b", index=0)],
        [("a", "f", "{}"), ("b", "g", "{}")],
        id="index 0 for every call, none with arguments",
    ),
    pytest.param(
        [piece(PARIS, index=0, id="", name="f"), piece(ROME, index=0, id="", name="g")],
        [("call_0", "f", PARIS), ("call_1", "g", ROME)],
        id="index 0 for every call, empty ids",
    ),
    pytest.param(
        [wire.tool_call("f", '{"a": 1', id="a", index=0), wire.tool_call("f", "}", id="x", index=0)],
        [("a", "f", '{"a": 1}')],
        id="a fresh id with every fragment",
    ),
    pytest.param(
        [piece("{}", index=True, id="a", name="f"), piece("{}", index="0", id="b", name="g")],
        [("a", "f", "{}"), ("b", "g", "{}")],
        id="indexes that are no numbers",
    ),
    pytest.param(
        [{"index": 0, "id": "a", "type": None, "function": {"name": "f", "arguments": "{}"}}],
        [("a", "f", "{}")],
        id="type null",
    ),
    pytest.param([{"index": 0, "id": 7, "function": None}], [("call_0", "", "{}")], id="an empty shell"),
]


@pytest.mark.parametrize(("fragments", "expected"), CASES)
def test_fragments(fragments, expected):
    assert told(assemble(*fragments)) == expected


@pytest.mark.parametrize(("fragments", "expected"), CASES)
def test_fragments_of_one_delta(fragments, expected):
    assembler = ToolCallAssembler(0)
    assembler.feed(fragments)
    assert told(assembler.calls()) == expected


@pytest.mark.parametrize(("fragments", "expected"), CASES)
def test_deltas_tell_the_same_as_the_calls(fragments, expected):
    assembler = ToolCallAssembler(3)
    deltas = [delta for fragment in fragments for delta in assembler.feed([fragment])]
    for number, (_, name, arguments) in enumerate(expected):
        mine = [delta for delta in deltas if delta.call == number]
        assert "".join(delta.name for delta in mine) == name
        assert ("".join(delta.arguments for delta in mine) or "{}") == arguments
    assert {delta.index for delta in deltas} == {3}


@pytest.mark.parametrize("nonsense", [None, {}, "x", 7, True, [], [None], ["x"], [[]], [7]])
def test_nonsense_is_passed_over(nonsense):
    assembler = ToolCallAssembler(0)
    assert assembler.feed(nonsense) == []
    assert assembler.feed_function(None if isinstance(nonsense, dict) else nonsense) == []
    assert not assembler
    assert assembler.calls() == []


def test_custom_tool():
    calls = assemble(
        {"index": 0, "id": "a", "type": "custom", "custom": {"name": "note", "input": "free "}},
        {"index": 0, "custom": {"input": "text"}},
    )
    assert calls == [ToolCall(0, "a", "note", "free text", kind="custom")]
    assert calls[0].as_message() == {
        "id": "a",
        "type": "custom",
        "custom": {"name": "note", "input": "free text"},
    }


def test_custom_tool_without_input():
    calls = assemble({"index": 0, "id": "a", "type": "custom", "custom": {"name": "note", "input": ""}})
    assert calls[0].arguments == ""


def test_function_call_of_old():
    assembler = ToolCallAssembler(0)
    assert assembler.feed_function({"name": "f", "arguments": ""})
    assembler.feed_function({"arguments": '{"city":'})
    assembler.feed_function({"arguments": ' "Paris"}'})
    assert told(assembler.calls()) == [("call_0", "f", PARIS)]


def test_thought_signature_is_kept_and_sent_back():
    signature = {"google": {"thought_signature": "abc="}}
    call = {**wire.tool_call("f", PARIS, id="a"), "extra_content": signature}
    (got,) = assemble(call)
    assert got.extra == {"extra_content": signature}
    assert got.as_message() == call


def test_thought_signature_in_a_later_fragment():
    signature = {"google": {"thought_signature": "abc="}}
    (got,) = assemble(
        wire.tool_call("f", "", index=0), {**piece(PARIS, index=0), "extra_content": signature, "index": 0}
    )
    assert got.as_message()["extra_content"] == signature


def test_calls_of_a_message_are_as_they_were():
    sent = [wire.tool_call("f", PARIS, id="a"), wire.tool_call("g", "", id="b")]
    assembler = ToolCallAssembler(0)
    assembler.feed(sent)
    sent[1]["function"]["arguments"] = "{}"
    assert [call.as_message() for call in assembler.calls()] == sent


def test_missing_ids_are_all_different():
    calls = assemble(piece("{}", name="f", id="call_1"), piece("{}", name="g"), piece("{}", name="h"))
    assert len({call.id for call in calls}) == 3


@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=5), st.dictionaries(st.text(max_size=3), st.text(max_size=5))),
        min_size=1,
        max_size=4,
    ),
    st.lists(cuts, min_size=4, max_size=4),
    st.randoms(use_true_random=False),
)
def test_any_split_and_any_interleaving(wanted, places, random):
    queues = []
    for index, (name, arguments) in enumerate(wanted):
        pieces = cut(json.dumps(arguments), places[index])
        head = wire.tool_call(name, pieces[0], id=f"id-{index}", index=index)
        queues.append([head, *(piece(text, index=index) for text in pieces[1:])])
    heads = [queue.pop(0) for queue in queues]
    fragments = []
    while any(queues):
        fragments.append(random.choice([queue for queue in queues if queue]).pop(0))
    calls = assemble(*heads, *fragments)
    assert [(call.id, call.name, json.loads(call.arguments)) for call in calls] == [
        (f"id-{index}", name, arguments) for index, (name, arguments) in enumerate(wanted)
    ]


@pytest.mark.parametrize("id_again", [None, "", "a"])
@pytest.mark.parametrize("name_again", ["", "f"])
@pytest.mark.parametrize("index", [{}, {"index": 0}])
def test_letter_by_letter_whatever_is_repeated(id_again, name_again, index):
    if name_again and not index and not id_again:
        pytest.skip("a name alone, without an index, begins a new call")
    head, *rest = each_one(PARIS)
    fragments = [piece(head, id="a", name="f", **index)]
    fragments += [piece(text, id=id_again, name=name_again, **index) for text in rest]
    assert told(assemble(*fragments)) == [("a", "f", PARIS)]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["index", "id", "type", "function", "custom", "name", "arguments", "input", "x"]),
            inner,
        )
    ),
    max_leaves=15,
)


@given(st.lists(json_values, max_size=5))
def test_no_fragment_breaks_it(values):
    assembler = ToolCallAssembler(0)
    for value in values:
        assembler.feed(value)
        assembler.feed([value])
        assembler.feed_function(value)
    for call in assembler.calls():
        json.dumps(call.as_message())
