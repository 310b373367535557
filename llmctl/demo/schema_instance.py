"""A value that fits a JSON Schema, always the same one for the same schema.

Alternatives (anyOf, oneOf, type lists) are tried in order, the first that fits is taken; null
comes last. A reference that leads back to itself is followed once in full, then cut as short as
the schema allows. Whatever is made up is checked against the schema before it is handed out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from llmctl.demo.schema_check import (
    BadSchema,
    Schema,
    array_parts,
    fits,
    property_schemas,
    resolve,
    same,
    types_of,
)
from llmctl.demo.schema_merge import Contradiction, Flat, merge
from llmctl.demo.schema_scalars import number_for, string_for

_FULL = 300  # values made before everything optional is left out
_MOST = 5000  # values made before giving up
_DEEP = 6  # nesting below which everything optional is left out
_DEEPEST = 40
_COMBINERS = ("$ref", "allOf", "anyOf", "oneOf", "if", "then", "else")


class NoInstance(ValueError):
    """No value was found that fits the schema."""


def instance(schema: Schema) -> Any:
    """A value that fits `schema`, or NoInstance."""
    try:
        return _Maker(schema).value(schema, _Place())
    except BadSchema as error:
        raise NoInstance(str(error)) from error
    except (TypeError, AttributeError, LookupError, ArithmeticError, RecursionError) as error:
        # A keyword holds what it never should, such as a number for "properties".
        raise NoInstance("this is not a valid JSON Schema, or one beyond the demo provider") from error


@dataclass(frozen=True)
class _Place:
    """Where in the value we are: the property's name, and what to vary when values must differ."""

    name: str = ""
    nth: int = 0
    depth: int = 0
    followed: frozenset[str] = frozenset()
    short: bool = False

    def inside(self, name: str, nth: int | None = None) -> _Place:
        """One level down."""
        return replace(self, name=name, nth=self.nth if nth is None else nth, depth=self.depth + 1)

    def after(self, references: frozenset[str]) -> _Place:
        """The same place, having followed these references."""
        again = bool(references & self.followed)
        return replace(self, followed=self.followed | references, short=self.short or again)


class _Maker:
    def __init__(self, root: Schema) -> None:
        self.root = root
        self.made = 0

    def value(self, schema: Schema, place: _Place) -> Any:
        self.made += 1
        if schema is False or place.depth > _DEEPEST or self.made > _MOST:
            raise NoInstance("no value fits this schema")
        if self.made > _FULL or place.depth > _DEEP:
            place = replace(place, short=True)
        for flat, references in self._alternatives(schema, place):
            for found in self._candidates(flat, place.after(references)):
                if fits(found, schema, self.root):
                    return found
        raise NoInstance("no value fits this schema")

    def _alternatives(self, schema: Schema, place: _Place) -> Iterator[tuple[Flat, frozenset[str]]]:
        """The flat schemas that this one allows, in the order to try them."""
        several = list(islice(self._flatten(schema, frozenset()), 32))
        if place.short:
            several.sort(key=lambda item: _effort(item[0]) + 4 * bool(item[1] & place.followed))
        else:
            several.sort(key=lambda item: types_of(item[0]) == ["null"])
        turn = place.nth % len(several) if several else 0
        yield from several[turn:] + several[:turn]

    def _flatten(self, schema: Schema, seen: frozenset[str]) -> Iterator[tuple[Flat, frozenset[str]]]:
        if isinstance(schema, bool):
            if schema:
                yield {}, seen
            return
        own = {key: value for key, value in schema.items() if key not in _COMBINERS}
        groups: list[list[Schema]] = [[part] for part in schema.get("allOf", [])]
        groups += [schema[key] for key in ("anyOf", "oneOf") if key in schema]
        if "if" in schema:
            groups.append([{"allOf": [schema["if"], schema.get("then", True)]}, schema.get("else", True)])
        if (reference := schema.get("$ref")) is not None:
            if reference in seen:
                return  # it leads to itself without a value in between
            seen |= {reference}
            groups.append([resolve(reference, self.root)])
        yield from self._combine(own, groups, seen)

    def _combine(
        self, flat: Flat, groups: list[list[Schema]], seen: frozenset[str]
    ) -> Iterator[tuple[Flat, frozenset[str]]]:
        if not groups:
            yield flat, seen
            return
        for branch in groups[0]:
            for part, references in self._flatten(branch, seen):
                try:
                    merged = merge(flat, part)
                except Contradiction:
                    continue
                yield from self._combine(merged, groups[1:], seen | references)

    def _candidates(self, flat: Flat, place: _Place) -> Iterator[Any]:
        if "const" in flat:
            yield flat["const"]
            return
        if "enum" in flat:
            turn = place.nth % len(flat["enum"]) if flat["enum"] else 0
            yield from flat["enum"][turn:] + flat["enum"][:turn]
            return
        if place.nth == 0:
            yield from _given(flat)
        for kind in _types_to_try(flat, place.short):
            try:
                yield from self._of_type(kind, flat, place)
            except NoInstance:
                continue

    def _of_type(self, kind: str, flat: Flat, place: _Place) -> Iterator[Any]:
        if kind == "null":
            yield None
        elif kind == "boolean":
            yield from (place.nth % 2 == 0, place.nth % 2 == 1)
        elif kind in ("integer", "number"):
            yield from number_for(flat, kind == "integer", place.nth)
        elif kind == "string":
            yield from string_for(flat, place.name, place.nth)
        elif kind == "array":
            yield self._array(flat, place)
        elif kind == "object":
            yield self._object(flat, place)

    def _array(self, flat: Flat, place: _Place) -> list[Any]:
        first, rest = array_parts(flat)
        wanted = max(flat.get("minItems", 0), 0 if place.short else max(1, len(first)))
        wanted = min(wanted, flat.get("maxItems", wanted))
        if rest is False:
            wanted = min(wanted, len(first))
        items: list[Any] = []
        if "contains" in flat:
            needed = flat.get("minContains", 1)
            wanted = max(wanted, needed)
            first = [*first, *[{"allOf": [rest, flat["contains"]]}] * max(0, needed - len(first))]
        for position in range(wanted):
            part = first[position] if position < len(first) else rest
            required = position < flat.get("minItems", 0)
            try:
                items.append(self._item(part, items if flat.get("uniqueItems") else [], place, position))
            except NoInstance:
                if required:
                    raise
                break
        return items

    def _item(self, part: Schema, unlike: list[Any], place: _Place, position: int) -> Any:
        for nth in range(position, position + 2 * len(unlike) + 4):
            item = self.value(part, place.inside(place.name, nth))
            if not any(same(item, other) for other in unlike):
                return item
        raise NoInstance("not enough different items fit this schema")

    def _object(self, flat: Flat, place: _Place) -> dict[str, Any]:
        required = list(flat.get("required", []))
        optional = [] if place.short else [name for name in flat.get("properties", {}) if name not in required]
        made: dict[str, Any] = {}
        for name in [*required, *optional]:
            if name not in required and len(made) >= flat.get("maxProperties", len(made) + 1):
                break
            try:
                made[name] = self._property(name, flat, place)
            except NoInstance:
                if name in required:
                    raise
        self._add_until_enough(made, flat, place)
        return {name: made[name] for name in [*flat.get("properties", {}), *made] if name in made}

    def _property(self, name: str, flat: Flat, place: _Place) -> Any:
        parts = property_schemas(name, flat)
        return self.value(parts[0] if len(parts) == 1 else {"allOf": parts}, place.inside(name))

    def _add_until_enough(self, made: dict[str, Any], flat: Flat, place: _Place) -> None:
        """Entries for `minProperties`, and one to show what a map of anything holds."""
        shown = isinstance(flat.get("additionalProperties"), dict) and not (flat.get("properties") or place.short)
        wanted = max(flat.get("minProperties", 0), min(1 if shown else 0, flat.get("maxProperties", 1)))
        nth = 0
        while len(made) < wanted:
            names = flat.get("propertyNames", {})
            name = self.value({"allOf": [{"type": "string"}, names]}, place.inside("key", nth))
            if name not in made:
                made[name] = self._property(name, flat, place)
            nth += 1


def _given(flat: Flat) -> Iterator[Any]:
    """Values the schema suggests; a default of null says little."""
    yield from flat.get("examples", [])
    if flat.get("example") is not None:
        yield flat["example"]
    if flat.get("default") is not None:
        yield flat["default"]


def _types_to_try(flat: Flat, short: bool) -> list[str]:
    types = types_of(flat) or [_likely_type(flat), "string", "integer", "object", "array", "boolean", "null"]
    return sorted(types, key=lambda kind: (kind == "null") != short)


def _likely_type(flat: Flat) -> str:
    marks = {
        "object": ("properties", "required", "additionalProperties", "patternProperties", "minProperties"),
        "array": ("items", "prefixItems", "minItems", "contains", "uniqueItems"),
        "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    }
    return next((kind for kind, keys in marks.items() if any(key in flat for key in keys)), "string")


def _effort(flat: Flat) -> int:
    """How likely a schema leads deeper: nothing for scalars, most for objects that need properties."""
    types = types_of(flat)
    if "const" in flat or "enum" in flat or "null" in types:
        return 0
    if types and not {"array", "object"} & set(types):
        return 1
    return 3 if flat.get("required") or flat.get("minItems") or flat.get("minProperties") else 2
