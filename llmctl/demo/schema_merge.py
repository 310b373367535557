"""One flat schema out of many that hold at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmctl.demo.schema_check import Schema, same, types_of

Flat = dict[str, Any]


class Contradiction(ValueError):
    """No value can fit both schemas."""


def merge(one: Flat, other: Flat) -> Flat:
    """A schema that asks for what both ask for."""
    merged = {**one, **other}
    for key in one.keys() & other.keys():
        merged[key] = _RULES.get(key, _keep_first)(one[key], other[key])
    if types_of(one) and types_of(other):
        merged["type"] = _common_types(types_of(one), types_of(other))
        merged.pop("nullable", None)  # types_of has counted it in
    return merged


def both(one: Schema, other: Schema) -> Schema:
    """Two schemas as one, to be flattened when its turn comes."""
    return one if one == other else {"allOf": [one, other]}


def _keep_first(one: Any, other: Any) -> Any:
    del other
    return one


def _common_types(one: list[str], other: list[str]) -> list[str]:
    common = [name for name in one if name in other or (name == "integer" and "number" in other)]
    if "integer" in other and "number" in one and "integer" not in common:
        common.append("integer")
    if not common:
        raise Contradiction("types that exclude each other")
    return common


def _common_values(one: list[Any], other: list[Any]) -> list[Any]:
    common = [value for value in one if any(same(value, match) for match in other)]
    if not common:
        raise Contradiction("enums that exclude each other")
    return common


def _same_value(one: Any, other: Any) -> Any:
    if not same(one, other):
        raise Contradiction("constants that exclude each other")
    return one


def _each(one: dict[str, Schema], other: dict[str, Schema]) -> dict[str, Schema]:
    shared = {name: both(one[name], other[name]) for name in one.keys() & other.keys()}
    return {**one, **other, **shared}


def _union(one: list[Any], other: list[Any]) -> list[Any]:
    return [*one, *(item for item in other if item not in one)]


_RULES: dict[str, Callable[[Any, Any], Any]] = {
    "additionalProperties": both,
    "const": _same_value,
    "contains": both,
    "enum": _common_values,
    "exclusiveMaximum": min,
    "exclusiveMinimum": max,
    "items": both,
    "maxItems": min,
    "maxLength": min,
    "maxProperties": min,
    "maximum": min,
    "minItems": max,
    "minLength": max,
    "minProperties": max,
    "minimum": max,
    "multipleOf": max,
    "patternProperties": _each,
    "properties": _each,
    "required": _union,
    "uniqueItems": max,
}
