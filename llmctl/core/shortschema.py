"""The short form of a JSON Schema: `name str, age int: in years, tags list`."""

from __future__ import annotations

import copy
import re
from typing import Any

from llmctl.core.suggest import did_you_mean
from llmctl.errors import UsageError

TYPES: dict[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "list": {"type": "array", "items": {"type": "string"}},
    "list[str]": {"type": "array", "items": {"type": "string"}},
    "list[int]": {"type": "array", "items": {"type": "integer"}},
    "list[float]": {"type": "array", "items": {"type": "number"}},
    "date": {"type": "string", "format": "date"},
    "any": {},
}
_ALIASES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "text": "str"}
_FIELD = re.compile(r"([A-Za-z_][\w-]*)(?:\s+([A-Za-z]+(?:\[[A-Za-z|]*\])?))?(\?)?\s*(?::\s*(.+))?\Z", re.DOTALL)


def short_schema(text: str) -> dict[str, Any]:
    """A schema of one object, every field required. Raises UsageError.

    A field is `name [type][?] [: description]`; fields end at a comma or, where descriptions hold commas,
    at a line break. Without a type it is a string, `?` lets it be null, `one[a|b]` lists the words it may be.
    """
    separator = "\n" if "\n" in text.strip() else ","
    fields = [field.strip().rstrip(",") for field in text.strip().split(separator)]
    properties: dict[str, Any] = {}
    for field in filter(None, fields):
        name, schema = _field(field)
        if name in properties:
            raise UsageError(f"--schema names {name} twice")
        properties[name] = schema
    if not properties:
        raise UsageError("--schema is empty", hint="for example: --schema 'name str, age int'")
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _field(text: str) -> tuple[str, dict[str, Any]]:
    match = _FIELD.match(text)
    if not match:
        raise UsageError(
            f"--schema: {text!r} is not a field", hint="a field is a name and a type: 'age int: in years'"
        )
    name, kind, optional, description = match.groups()
    schema = copy.deepcopy(_type(kind or "str", text))
    if optional and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    if optional and "enum" in schema:
        schema["enum"] = [*schema["enum"], None]
    if description:
        schema["description"] = description.strip()
    return name, schema


def _type(kind: str, field: str) -> dict[str, Any]:
    words = re.fullmatch(r"one\[(.+)\]", kind)
    if words:
        return {"type": "string", "enum": words[1].split("|")}
    kind = _ALIASES.get(kind.lower(), kind.lower())
    if kind not in TYPES:
        raise UsageError(
            f"--schema: {field!r}: there is no type {kind!r}",
            hint=did_you_mean(kind, TYPES) or f"types: {', '.join(TYPES)}, one[a|b]",
        )
    return TYPES[kind]
