"""How JSON is asked for, read and checked."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.core.quirks import Quirks
from llmctl.core.structured import check, instruction, is_strict, read_json, response_format
from llmctl.errors import AnswerInvalid

CLOSED = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (CLOSED, True),
        (OPEN, False),
        ({**CLOSED, "required": []}, False),
        ({**CLOSED, "properties": {"a": OPEN}}, False),
        ({"type": "array", "items": CLOSED}, True),
        ({"anyOf": [CLOSED, OPEN]}, False),
        ({"type": "string", "enum": [{"type": "object"}]}, True),
    ],
)
def test_strict_where_the_schema_meets_its_rules(schema, strict):
    assert is_strict(schema) is strict
    form = response_format(schema, Quirks())["json_schema"]
    assert form.get("strict", False) is strict
    assert form["schema"] == schema


@pytest.mark.parametrize(
    ("title", "name"),
    [("Person", "Person"), ("A person!", "Aperson"), ("日本", "answer"), (None, "answer"), ("x" * 99, "x" * 64)],
)
def test_the_name_is_one_that_providers_take(title, name):
    assert response_format({"title": title}, Quirks())["json_schema"]["name"] == name


@pytest.mark.parametrize(
    ("structured", "schema", "form", "words"),
    [
        ("json_schema", CLOSED, "json_schema", None),
        ("json_object", CLOSED, "json_object", "JSON Schema"),
        ("none", CLOSED, None, "JSON Schema"),
        ("json_schema", None, "json_object", "JSON only"),
        ("none", None, None, "JSON only"),
    ],
)
def test_what_the_form_can_not_say_is_said_in_words(structured, schema, form, words):
    quirks = Quirks(structured=structured)
    assert (response_format(schema, quirks) or {}).get("type") == form
    told = instruction(schema, quirks)
    assert told is None if words is None else words in (told or "")


@given(VALUES, st.booleans())
def test_json_is_read_bare_or_as_the_only_block(value, fenced):
    text = json.dumps(value)
    assert read_json(f"Here it is:\n```json\n{text}\n```\nBye." if fenced else f"\n{text}\n") == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "Hi", "{", "{'a': 1}", '{"a": NaN}', "Infinity", "1e400", '{"a": 1} {"a": 2}', "[" * 100_000),
        *("```\n1\n```\n```\n2\n```", "```json\n{\n```"),
    ],
)
def test_what_is_no_json(text):
    with pytest.raises(AnswerInvalid, match="the answer is not JSON"):
        read_json(text)


@pytest.mark.parametrize(
    ("schema", "value", "why"),
    [
        (CLOSED, {"a": 1}, "a: 1 is not of type 'string'"),
        (CLOSED, {}, "'a' is a required property"),
        ({"items": CLOSED}, [{"a": "x"}, {"a": 1}], r"\[1\]\.a: 1 is not"),
        ({"items": {"type": "string"}}, [1, 2, 3], r"\[0\]: 1 is not of type 'string' \(and 2 more\)"),
        ({"$ref": "#/$defs/x"}, {}, "which is not there"),
        ({"$ref": "https://example.invalid/x"}, {}, "which is not there"),
        ({"$ref": "#"}, {}, "without end"),
    ],
)
def test_an_error_names_the_place(schema, value, why):
    with pytest.raises(AnswerInvalid, match=why):
        check(value, schema)


def test_what_fits():
    check({"a": "x"}, CLOSED)
    check([1, {"a": "x"}], {"prefixItems": [{"const": 1}, {"$ref": "#/$defs/c"}], "$defs": {"c": CLOSED}})
