"""Arguments against schemas, type hints as schemas and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.tools.hints import convert, schema_of
from llmctl.tools.tool import Tool, ToolFailed, check_arguments
from support.upstream import Upstream


class Colour(Enum):
    RED = 1
    BLUE = "blue"


class Point(TypedDict):
    x: float
    colour: Colour


@dataclass
class Box:
    corners: list[tuple[int, int]]
    colour: Colour = Colour.RED
    notes: dict[str, Annotated[str, "free text"]] = field(default_factory=dict)


def fits(value: Any, hint: Any) -> bool:
    try:
        check_arguments({"value": value}, {"type": "object", "properties": {"value": schema_of(hint)}})
    except ToolFailed:
        return False
    return True


@pytest.mark.parametrize(
    ("hint", "value", "converted"),
    [
        (Any, {"a": [1]}, {"a": [1]}),
        (str, "a", "a"),
        (float, 2, 2.0),
        (bool, True, True),
        (list, [1, "a"], [1, "a"]),
        (set[int], [1, 2], {1, 2}),
        (tuple[int, ...], [1, 2, 3], (1, 2, 3)),
        (tuple[int, Colour], [1, "blue"], (1, Colour.BLUE)),
        (Sequence[float], [1], [1.0]),
        (Mapping[str, Colour], {"a": 1}, {"a": Colour.RED}),
        (int | None, None, None),
        (float | str, "a", "a"),
        (list[int] | Colour, "blue", Colour.BLUE),
        (Literal["a", 1], 1, 1),
        (Point, {"x": 1, "colour": 1}, {"x": 1.0, "colour": Colour.RED}),
        (
            Box,
            {"corners": [[0, 1]], "colour": "blue", "notes": {"a": "b"}},
            Box([(0, 1)], Colour.BLUE, {"a": "b"}),
        ),
        (Annotated[list[Box], "boxes"], [{"corners": []}], [Box([])]),
        (complex, "1j", "1j"),  # JSON has no word for it: it comes as it is
    ],
    ids=str,
)
def test_a_value_that_fits_comes_in_the_type_of_its_hint(hint: Any, value: Any, converted: Any) -> None:
    assert fits(value, hint)
    result = convert(value, hint)
    assert result == converted
    assert type(result) is type(converted)


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (str, 1),
        (int, 1.5),
        (bool, "true"),
        (list[int], ["a"]),
        (set[int], [1, 1]),
        (tuple[int, int], [1]),
        (dict[str, int], {"a": "b"}),
        (int | None, "a"),
        (Literal["a"], "b"),
        (Colour, "RED"),
        (Point, {"x": 1}),
        (Box, {"colour": 1}),
    ],
    ids=str,
)
def test_a_value_that_does_not_fit(hint: Any, value: Any) -> None:
    assert not fits(value, hint)


LEAVES = st.sampled_from([str, int, float, bool, type(None), Any, Colour, Literal["a", 2], list, dict, tuple])
HINTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda hint: list[hint]),
        inner.map(lambda hint: dict[str, hint]),
        st.tuples(inner, inner).map(lambda pair: tuple[pair]),
        inner.map(lambda hint: Annotated[hint, "about it"]),
        st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1] if isinstance(pair[0], type) else pair[1]),
    ),
    max_leaves=5,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["a", "blue", 1, 2]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


@given(HINTS, VALUES)
def test_every_hint_makes_a_schema_and_takes_what_fits_it(hint: Any, value: Any) -> None:
    if fits(value, hint):
        convert(value, hint)


def test_mistakes_are_named_with_their_place() -> None:
    schema = {"type": "object", "properties": {"a": schema_of(Box)}, "required": ["a", "b"]}
    with pytest.raises(ToolFailed) as failure:
        check_arguments({"a": {"corners": [[1, "x"]]}}, schema)
    assert "'b' is a required property" in str(failure.value)
    assert "a.corners.0.1: 'x' is not of type 'integer'" in str(failure.value)


def test_schemas_that_are_none_or_point_elsewhere_check_nothing(upstream: Upstream) -> None:
    check_arguments({"a": 1}, {"type": "nonsense"})
    check_arguments({"a": 1}, {"properties": {"a": {"$ref": f"{upstream.url}/schema"}}})
    check_arguments({"a": 1}, {"properties": {"a": {"$ref": "#/nowhere"}}})
    assert upstream.requests == []  # and nothing is fetched


def test_the_entry_of_a_tool_without_a_description() -> None:
    async def call(arguments: dict[str, Any]) -> str:
        return ""

    assert Tool("f", "", {"type": "object"}, "x", call).schema() == {
        "type": "function",
        "function": {"name": "f", "parameters": {"type": "object"}},
    }
