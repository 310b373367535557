"""Does a value fit a JSON Schema? Enough of it to judge what schema_instance.py made up."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any] | bool
Trail = frozenset[tuple[str, int]]


class BadSchema(ValueError):
    """The schema itself is broken."""


def resolve(reference: str, root: Schema) -> Schema:
    """What a `$ref` points to; only references within the same schema."""
    if not reference.startswith("#"):
        raise BadSchema(f"reference {reference!r} leads outside of the schema")
    here: Any = root
    for step in reference[1:].split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~").replace("%25", "%")
        try:
            here = here[int(key)] if isinstance(here, list) else here[key]
        except (KeyError, IndexError, ValueError, TypeError):
            raise BadSchema(f"reference {reference!r} leads nowhere") from None
    if not isinstance(here, dict | bool):
        raise BadSchema(f"reference {reference!r} does not lead to a schema")
    return here


def fits(value: Any, schema: Schema, root: Schema, trail: Trail = frozenset()) -> bool:
    """Whether `value` is valid under `schema`. Formats are not looked at.

    `trail` holds the references being followed, and for which value: one that leads back to
    itself asks for nothing new.
    """
    if isinstance(schema, bool):
        return schema
    reference = (schema.get("$ref", ""), id(value))
    if reference in trail:
        return True
    if "$ref" in schema:
        trail |= {reference}

    def within(inner: Any, part: Schema) -> bool:
        return fits(inner, part, root, trail)

    if "$ref" in schema and not within(value, resolve(schema["$ref"], root)):
        return False
    return (
        _type_fits(value, schema)
        and _choice_fits(value, schema)
        and _combined(value, schema, within)
        and (not isinstance(value, str) or _string_fits(value, schema))
        and (not is_number(value) or _number_fits(value, schema))
        and (not isinstance(value, list) or _array_fits(value, schema, within))
        and (not isinstance(value, dict) or _object_fits(value, schema, within))
    )


Within = Callable[[Any, Schema], bool]


def is_number(value: Any) -> bool:
    """A JSON number: Python's bool is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def same(one: Any, other: Any) -> bool:
    """JSON equality: 1 is 1.0, but true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: is_number(value) and value == int(value),
    "number": is_number,
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def types_of(schema: dict[str, Any]) -> list[str]:
    """The types a schema names, none if it names none; OpenAPI's `nullable` adds null."""
    named = schema.get("type", [])
    types = [named] if isinstance(named, str) else list(named)
    if types and schema.get("nullable") is True and "null" not in types:
        types.append("null")
    return types


def _type_fits(value: Any, schema: dict[str, Any]) -> bool:
    types = types_of(schema)
    return not types or any(name in _TYPES and _TYPES[name](value) for name in types)


def _choice_fits(value: Any, schema: dict[str, Any]) -> bool:
    if "const" in schema and not same(value, schema["const"]):
        return False
    return "enum" not in schema or any(same(value, choice) for choice in schema["enum"])


def _combined(value: Any, schema: dict[str, Any], within: Within) -> bool:
    if not all(within(value, part) for part in schema.get("allOf", [])):
        return False
    if "anyOf" in schema and not any(within(value, part) for part in schema["anyOf"]):
        return False
    if "oneOf" in schema and sum(within(value, part) for part in schema["oneOf"]) != 1:
        return False
    if "not" in schema and within(value, schema["not"]):
        return False
    if "if" in schema:
        return within(value, schema.get("then" if within(value, schema["if"]) else "else", True))
    return True


def _string_fits(value: str, schema: dict[str, Any]) -> bool:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        return False
    return "pattern" not in schema or found(schema["pattern"], value)


def found(pattern: str, text: str) -> bool:
    """Whether a pattern occurs in a text; one that Python doesn't know counts as found."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return True


def _number_fits(value: float, schema: dict[str, Any]) -> bool:
    low, high = schema.get("minimum", value), schema.get("maximum", value)
    above: Any = schema.get("exclusiveMinimum")
    below: Any = schema.get("exclusiveMaximum")
    if not low <= value <= high:
        return False
    if (is_number(above) and value <= above) or (is_number(below) and value >= below):
        return False
    step = schema.get("multipleOf")
    return not step or int(value / step) == value / step


def _array_fits(value: list[Any], schema: dict[str, Any], within: Within) -> bool:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        return False
    if schema.get("uniqueItems") and any(same(a, b) for i, a in enumerate(value) for b in value[:i]):
        return False
    first, rest = array_parts(schema)
    if not all(within(item, part) for item, part in zip(value, first, strict=False)):
        return False
    if not all(within(item, rest) for item in value[len(first) :]):
        return False
    if "contains" not in schema:
        return True
    hits = sum(within(item, schema["contains"]) for item in value)
    return bool(schema.get("minContains", 1) <= hits <= schema.get("maxContains", hits))


def array_parts(schema: dict[str, Any]) -> tuple[list[Schema], Schema]:
    """The schemas of the first items, and that of all others; both old and new spelling."""
    items = schema.get("items", True)
    if isinstance(items, list):
        return items, schema.get("additionalItems", True)
    return schema.get("prefixItems", []), items


def _object_fits(value: dict[str, Any], schema: dict[str, Any], within: Within) -> bool:
    if not schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value)):
        return False
    if any(name not in value for name in schema.get("required", [])):
        return False
    for name, needed in schema.get("dependentRequired", {}).items():
        if name in value and any(other not in value for other in needed):
            return False
    return all(
        within(name, schema.get("propertyNames", True)) and all(within(inner, part) for part in parts)
        for name, inner in value.items()
        for parts in [property_schemas(name, schema)]
    )


def property_schemas(name: str, schema: dict[str, Any]) -> list[Schema]:
    """Every schema that a property of this name has to fit."""
    parts = [part for pattern, part in schema.get("patternProperties", {}).items() if found(pattern, name)]
    if name in schema.get("properties", {}):
        parts.append(schema["properties"][name])
    return parts or [schema.get("additionalProperties", True)]
