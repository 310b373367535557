"""Python's type hints as JSON Schema, and arguments in the types that the hints name."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union

_SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
_ARRAYS: tuple[Any, ...] = (list, set, frozenset, tuple)


def schema_of(hint: Any) -> dict[str, Any]:
    """The JSON Schema of a hint; {} (anything) for what JSON has no word for."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        about = [text for text in parts[1:] if isinstance(text, str)]
        return schema_of(parts[0]) | ({"description": about[0]} if about else {})
    if hint in _SCALARS if _hashable(hint) else False:
        return {"type": _SCALARS[hint]}
    if origin in (Union, types.UnionType):
        return _union([schema_of(part) for part in parts])
    if origin is Literal:
        return _one_of(list(parts))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _one_of([member.value for member in hint])
    return _container(origin or hint, parts)


def _container(kind: Any, parts: tuple[Any, ...]) -> dict[str, Any]:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        needed = [f.name for f in dataclasses.fields(kind) if _has_no_default(f)]
        return _table(typing.get_type_hints(kind, include_extras=True), needed)
    if typing.is_typeddict(kind):
        return _table(typing.get_type_hints(kind, include_extras=True), sorted(kind.__required_keys__))
    if kind is tuple and parts and parts[-1] is not Ellipsis:
        items = [schema_of(part) for part in parts]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    if (isinstance(kind, type) and issubclass(kind, _ARRAYS)) or _named(kind, "Sequence", "Iterable", "Set"):
        unique = {"uniqueItems": True} if kind in (set, frozenset) else {}
        return {"type": "array", **({"items": schema_of(parts[0])} if parts else {}), **unique}
    if kind is dict or _named(kind, "Mapping", "MutableMapping"):
        values = schema_of(parts[1]) if len(parts) == 2 else {}
        return {"type": "object", **({"additionalProperties": values} if values else {})}
    return {}


def convert(value: Any, hint: Any) -> Any:
    """A JSON value that fits the hint's schema, in the type that the hint names."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return convert(value, parts[0])
    if origin in (Union, types.UnionType):
        return convert(value, next((part for part in parts if _fits(value, part)), Any))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(value)
    if hint is float and isinstance(value, int):
        return float(value)
    kind = origin or hint
    if isinstance(value, Mapping):
        return _convert_table(value, kind, parts)
    if isinstance(value, list):
        return _convert_list(value, kind, parts)
    return value


def _convert_table(value: Mapping[str, Any], kind: Any, parts: tuple[Any, ...]) -> Any:
    if dataclasses.is_dataclass(kind) or typing.is_typeddict(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        made = {name: convert(item, hints.get(name, Any)) for name, item in value.items()}
        return kind(**made) if dataclasses.is_dataclass(kind) and isinstance(kind, type) else made
    inner = parts[1] if len(parts) == 2 else Any
    return {name: convert(item, inner) for name, item in value.items()}


def _convert_list(value: list[Any], kind: Any, parts: tuple[Any, ...]) -> Any:
    if kind is tuple and parts and parts[-1] is not Ellipsis:
        return tuple(convert(item, part) for item, part in zip(value, parts, strict=False))
    items = [convert(item, parts[0] if parts else Any) for item in value]
    return kind(items) if kind in _ARRAYS else items


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of the JSON type that the hint asks for (in a union: the first that fits counts)."""
    from jsonschema import Draft202012Validator

    return bool(Draft202012Validator(schema_of(hint)).is_valid(value))


def _union(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    if {} in schemas:
        return {}
    simple = [schema["type"] for schema in schemas if set(schema) == {"type"}]
    if len(simple) == len(schemas):
        return {"type": simple}
    return {"anyOf": schemas}


def _one_of(values: list[Any]) -> dict[str, Any]:
    kinds = {_SCALARS.get(type(value)) for value in values}
    (kind,) = kinds if len(kinds) == 1 else (None,)
    return {**({"type": kind} if kind else {}), "enum": values}


def _table(hints: Mapping[str, Any], needed: list[str]) -> dict[str, Any]:
    properties = {name: schema_of(hint) for name, hint in hints.items()}
    return {"type": "object", "properties": properties, "required": needed}


def _has_no_default(field: dataclasses.Field[Any]) -> bool:
    return field.init and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _named(kind: Any, *names: str) -> bool:
    return getattr(kind, "__module__", "") == "collections.abc" and getattr(kind, "__name__", "") in names


def _hashable(hint: Any) -> bool:
    return getattr(hint, "__hash__", None) is not None
