"""Instances are judged by `jsonschema`, which knows nothing of how they are made."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from llmctl.demo.schema_check import fits
from llmctl.demo.schema_instance import NoInstance, instance

NODE = {
    "type": "object",
    "properties": {
        "value": {"type": "integer"},
        "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
        "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
    },
    "required": ["value", "next", "children"],
    "additionalProperties": False,
}


def judged(schema):
    """The instance, after jsonschema has agreed to schema and instance."""
    Draft202012Validator.check_schema(schema)
    made = instance(schema)
    errors = list(
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).iter_errors(made)
    )
    assert not errors, (made, errors[0].message)
    assert json.dumps(made, allow_nan=False) == json.dumps(instance(schema))
    return made


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "null"},
        {"type": ["null", "string"]},
        {"$ref": "#/$defs/node", "$defs": {"node": NODE}},
        {"type": "array", "items": {"$ref": "#"}, "minItems": 0},
        {"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"type": "string"}}}]},
        {"allOf": [{"type": ["integer", "string"], "minimum": 3}, {"type": "number", "maximum": 3}]},
        {"anyOf": [{"type": "string", "enum": [1]}, {"type": "integer"}]},
        {"oneOf": [{"type": "number"}, {"type": "integer"}]},
        {"oneOf": [{"properties": {"k": {"const": k}}, "required": ["k"], "type": "object"} for k in "ab"]},
        {"type": "string", "not": {"const": "demo"}},
        {"const": {"a": [1, None]}},
        {"enum": [None, False, "x"], "type": ["boolean", "string"]},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.001},
        {"type": "number", "minimum": 0.1, "multipleOf": 0.25},
        {"type": "integer", "exclusiveMinimum": 10, "multipleOf": 7},
        {"type": "integer", "maximum": -5},
        {"type": "integer", "exclusiveMinimum": 1.2, "exclusiveMaximum": 2.9},
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False, "minItems": 2},
        {"type": "array", "items": {"enum": [3, 1, 2]}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "uniqueItems": True},
        {"type": "array", "items": {"anyOf": [{"const": 1}, {"const": "a"}]}, "minItems": 2, "uniqueItems": True},
        {"type": "array", "contains": {"const": 5}, "minContains": 2},
        {"type": "array", "maxItems": 0},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"type": "object", "minProperties": 3},
        {"type": "object", "required": ["x"], "additionalProperties": {"type": "boolean"}},
        {"type": "object", "required": ["n1"], "patternProperties": {"^n": {"type": "integer"}}},
        {"type": "object", "properties": {"a": {}, "b": {}, "c": {}}, "maxProperties": 2},
        {"type": "object", "properties": {"a": False, "b": {"type": "string"}}},
        {"type": "object", "minProperties": 2, "propertyNames": {"pattern": "^[a-z]{3}$"}},
        {"type": "string", "minLength": 20},
        {"type": "string", "maxLength": 2},
        {"type": "string", "default": "given"},
        {"type": "string", "default": 5, "minLength": 1},
        {"type": "integer", "minimum": 5, "examples": [1, 7]},
        {
            "type": "object",
            "properties": {"a": {"type": "integer"}},
            "if": {"properties": {"a": {"const": 1}}, "required": ["a"]},
            "then": {"properties": {"b": {"type": "string"}}, "required": ["b"]},
            "else": {"required": ["c"]},
        },
    ],
    ids=json.dumps,
)
def test_fits(schema):
    judged(schema)


@pytest.mark.parametrize(
    "pattern",
    [
        "^[A-Z]{2}[0-9]{4}$",
        r"^\+?[1-9]\d{1,14}$",
        r"^(foo|bar)-\w+@[^@\s]+\.(com|org)$",
        "^#(?:[0-9a-fA-F]{3}){1,2}$",
        r"^(?P<year>\d{4})-(0[1-9]|1[0-2])$",
        r"^\d+(\.\d{1,2})?$",
        "x",
        "^[a-z0-9]+(?:-[a-z0-9]+)*$",
        r"^[\w.+-]+$",
        "^.{5,}$",
        "^[^a-z]*?$",
        r"^\u0041\x42\t?$",
        "^a*$",
        "^$",
    ],
)
def test_patterns(pattern):
    judged({"type": "string", "pattern": pattern})
    three = judged({"type": "array", "items": {"type": "string", "pattern": pattern}, "minItems": 3})
    assert len(three) == 3


def test_pattern_with_length():
    schema = {"type": "string", "pattern": "^[A-Z]+-[0-9]*$", "minLength": 12, "maxLength": 14}
    assert 12 <= len(judged(schema)) <= 14


@pytest.mark.parametrize("name", sorted(Draft202012Validator.FORMAT_CHECKER.checkers))
def test_formats(name):
    assert isinstance(judged({"type": "string", "format": name}), str)
    judged({"type": "array", "items": {"type": "string", "format": name}, "minItems": 5, "uniqueItems": True})


def test_suggestions_are_taken_when_they_fit():
    assert instance({"type": "integer", "minimum": 5, "examples": [1, 7]}) == 7
    assert instance({"type": "string", "default": "given"}) == "given"
    assert instance({"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}) is not None


def test_every_property_is_shown_and_in_order():
    names = ["b", "a", "c"]
    schema = {"type": "object", "properties": {n: {"type": "string"} for n in names}, "required": ["c"]}
    assert list(instance(schema)) == names


def test_openapi_nullable():
    assert isinstance(instance({"type": "string", "nullable": True}), str)
    assert fits(None, {"type": "string", "nullable": True}, True)


def test_recursion_ends_soon():
    made = judged({"$ref": "#/$defs/node", "$defs": {"node": NODE}})
    assert made["next"] is not None
    assert len(json.dumps(made)) < 1000


def test_wide_recursion_stays_small():
    properties = {f"p{n}": {"$ref": f"#/$defs/d{n}"} for n in range(12)}
    definitions = {f"d{n}": {"type": "object", "properties": properties} for n in range(12)}
    assert len(json.dumps(judged({"$ref": "#/$defs/d0", "$defs": definitions}))) < 20_000


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"$ref": "#"},
        {"$ref": "#/nowhere"},
        {"$ref": "https://example.com/schema"},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        {
            "type": "object",
            "properties": {"a": {"anyOf": [{"$ref": "#"}, {"$ref": "#/properties/a"}]}},
            "required": ["a"],
        },
        {"type": "string", "enum": [1]},
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"type": "integer", "minimum": 2, "maximum": 1},
        {"type": "array", "items": {"const": 1}, "minItems": 2, "uniqueItems": True},
        {"type": "string", "pattern": r"^(?=a)b$"},
        {"type": "array", "items": False, "minItems": 1},
        {"properties": [1]},
        {"type": 5},
    ],
    ids=json.dumps,
)
def test_nothing_fits(schema):
    with pytest.raises(NoInstance):
        instance(schema)


# Schemas that something fits: every one is built around bounds that leave room.

_names = st.sampled_from(["a", "b", "name", "x-y", "ü"])
_lengths = st.tuples(st.integers(0, 6), st.integers(0, 30)).map(
    lambda pair: {"minLength": pair[0], "maxLength": pair[0] + pair[1]}
)
_strings = st.one_of(
    _lengths.map(lambda lengths: {"type": "string", **lengths}),
    st.sampled_from(["date", "date-time", "email", "uuid", "ipv4", "uri"]).map(
        lambda name: {"type": "string", "format": name}
    ),
    st.sampled_from(["^[a-z]+$", r"^\d{3}-\d{2}$", "^(yes|no)$", "b+"]).map(
        lambda pattern: {"type": "string", "pattern": pattern}
    ),
)
_bounds = st.tuples(st.integers(-1000, 1000), st.integers(1, 100))
_numbers = st.one_of(
    _bounds.map(lambda b: {"type": "integer", "minimum": b[0], "maximum": b[0] + b[1]}),
    _bounds.map(lambda b: {"type": "number", "exclusiveMinimum": b[0] / 8, "exclusiveMaximum": (b[0] + b[1]) / 8}),
    _bounds.map(lambda b: {"type": "integer", "minimum": b[0], "multipleOf": b[1]}),
    _bounds.map(lambda b: {"type": "number", "maximum": b[0], "multipleOf": b[1] / 4}),
    st.just({"type": "integer"}),
)
_choices = st.lists(st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=5)), min_size=1).map(
    lambda values: {"enum": values}
)
_leaves = st.one_of(
    _strings, _numbers, _choices, st.just({"type": "boolean"}), st.just({"type": "null"}), st.just({})
)


def _objects(children):
    def build(properties, required, closed):
        needed = sorted(required & properties.keys())
        return {"type": "object", "properties": properties, "required": needed, "additionalProperties": not closed}

    return st.builds(build, st.dictionaries(_names, children, max_size=4), st.frozensets(_names), st.booleans())


def _arrays(children):
    return st.one_of(
        st.builds(
            lambda items, low, more: {"type": "array", "items": items, "minItems": low, "maxItems": low + more},
            children,
            st.integers(0, 3),
            st.integers(0, 3),
        ),
        st.lists(children, min_size=1, max_size=3).map(
            lambda parts: {"type": "array", "prefixItems": parts, "items": False, "minItems": len(parts)}
        ),
        st.just({"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 4, "uniqueItems": True}),
    )


_schemas = st.recursive(
    _leaves,
    lambda children: st.one_of(
        _objects(children),
        _arrays(children),
        st.lists(children, min_size=1, max_size=3).map(lambda parts: {"anyOf": parts}),
        children.map(lambda part: {"allOf": [part, {}]}),
        children.map(lambda part: {"allOf": [part], "description": "x"}),
    ),
    max_leaves=12,
)


@given(_schemas)
@settings(max_examples=150, deadline=None)
def test_any_satisfiable_schema(schema):
    judged(schema)


@given(_schemas)
@settings(max_examples=60, deadline=None)
def test_through_references_and_recursion(schema):
    node = {
        "type": "object",
        "properties": {
            "part": {"$ref": "#/$defs/part"},
            "more": {"type": "array", "items": {"$ref": "#/$defs/node"}},
        },
        "required": ["part"],
    }
    judged({"$ref": "#/$defs/node", "$defs": {"node": node, "part": schema}})


@given(_schemas, st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3), st.lists))
@settings(max_examples=150, deadline=None)
def test_the_check_agrees_with_jsonschema(schema, value):
    assert fits(value, schema, schema) == Draft202012Validator(schema).is_valid(value)
