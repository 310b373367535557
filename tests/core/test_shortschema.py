"""The short form of a JSON Schema."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from llmctl.core.shortschema import TYPES, short_schema
from llmctl.core.structured import is_strict
from llmctl.errors import UsageError

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True)
KINDS = st.sampled_from([*TYPES, "one[a|b]", "string", "INT"])
WORDS = st.from_regex(r"[a-zA-Z0-9 /.()-]*[a-z]", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "properties"),
    [
        ("name", {"name": {"type": "string"}}),
        ("name str, age int", {"name": {"type": "string"}, "age": {"type": "integer"}}),
        ("a float,b bool , c any", {"a": {"type": "number"}, "b": {"type": "boolean"}, "c": {}}),
        ("age int?", {"age": {"type": ["integer", "null"]}}),
        ("age?", {"age": {"type": ["string", "null"]}}),
        ("age int: in years", {"age": {"type": "integer", "description": "in years"}}),
        ("age: in years", {"age": {"type": "string", "description": "in years"}}),
        ("tags list[int]", {"tags": {"type": "array", "items": {"type": "integer"}}}),
        ("size one[s|m|l]", {"size": {"type": "string", "enum": ["s", "m", "l"]}}),
        ("size one[s|m]?", {"size": {"type": ["string", "null"], "enum": ["s", "m", None]}}),
        ("when date", {"when": {"type": "string", "format": "date"}}),
        (
            "name str: first, then last\nage int\n",
            {"name": {"type": "string", "description": "first, then last"}, "age": {"type": "integer"}},
        ),
        ("a,\nb", {"a": {"type": "string"}, "b": {"type": "string"}}),
        ("type str, properties int", {"type": {"type": "string"}, "properties": {"type": "integer"}}),
    ],
)
def test_fields(text, properties):
    assert short_schema(text)["properties"] == properties


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        (" , ", "is empty"),
        ("age integr", "there is no type 'integr'"),
        ("a, a int", "names a twice"),
        ("1st int", "is not a field"),
        ("a b c", "is not a field"),
        ("a one[]", "there is no type"),
    ],
)
def test_mistakes(text, why):
    with pytest.raises(UsageError, match=why.replace("[", r"\[")):
        short_schema(text)


@given(st.lists(st.tuples(NAMES, KINDS, st.booleans(), WORDS), min_size=1, unique_by=lambda field: field[0]))
def test_what_it_makes_is_a_valid_strict_schema(fields):
    schema = short_schema("\n".join(f"{n} {kind}{'?' * may}: {text}" for n, kind, may, text in fields))
    Draft202012Validator.check_schema(schema)
    assert is_strict(schema)
    assert schema["required"] == [name for name, *_ in fields]


@given(st.text())
def test_any_text_is_a_schema_or_a_clear_error(text):
    try:
        schema = short_schema(text)
    except UsageError:
        return
    Draft202012Validator.check_schema(schema)


def test_two_schemas_share_nothing():
    short_schema("a list")["properties"]["a"]["items"]["type"] = "changed"
    assert short_schema("a list")["properties"]["a"]["items"] == {"type": "string"}
