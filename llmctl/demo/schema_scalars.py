"""Strings and numbers that fit a JSON Schema."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from llmctl.demo.pattern import Unsupported, matching


def string_for(flat: dict[str, Any], name: str, nth: int) -> Iterator[str]:
    """Candidates, likeliest first. `nth` makes them differ from each other."""
    shortest = flat.get("minLength", 0)
    longest = flat.get("maxLength", max(shortest, 10_000))
    if "pattern" in flat:
        with suppress(Unsupported):
            yield from matching(flat["pattern"], shortest, longest, nth)
    if (written := _formatted(flat.get("format", ""), nth)) is not None:
        yield written
    suffix = f" {nth + 1}" if nth else ""
    text = f"demo {name}" if name else "demo"
    text = text[: max(0, longest - len(suffix))] + suffix
    yield text.ljust(shortest, "o")[:longest]
    yield str(nth).rjust(shortest, "0")[:longest]


def _formatted(name: str, nth: int) -> str | None:
    """A string of a named format; None for formats we don't know."""
    day, minute = 1 + nth % 28, nth % 60
    forms = {
        "date": f"2026-01-{day:02}",
        "date-time": f"2026-01-{day:02}T12:{minute:02}:00Z",
        "time": f"12:{minute:02}:00Z",
        "duration": f"PT{nth + 1}M",
        "email": f"demo{nth or ''}@example.com",
        "idn-email": f"demo{nth or ''}@example.com",
        "hostname": f"demo{nth or ''}.example.com",
        "idn-hostname": f"demo{nth or ''}.example.com",
        "ipv4": f"192.0.2.{1 + nth % 250}",
        "ipv6": f"2001:db8::{nth + 1:x}",
        "uri": f"https://example.com/demo{nth or ''}",
        "url": f"https://example.com/demo{nth or ''}",
        "iri": f"https://example.com/demo{nth or ''}",
        "uri-reference": f"/demo{nth or ''}",
        "iri-reference": f"/demo{nth or ''}",
        "uri-template": f"https://example.com/{{demo{nth or ''}}}",
        "uuid": f"00000000-0000-4000-8000-{nth:012x}",
        "json-pointer": f"/demo/{nth}",
        "relative-json-pointer": f"{nth}",
        "regex": f"demo{nth or ''}",
        "byte": "ZGVtbw==",
    }
    return forms.get(name)


def number_for(flat: dict[str, Any], whole: bool, nth: int) -> Iterator[float]:
    """Candidates from all over the allowed range; the caller takes the first that fits."""
    step = flat.get("multipleOf")
    low, high = _lowest(flat), _highest(flat)
    for candidate in _spread(low, high, nth):
        if step:
            yield from _multiples(candidate, step, whole)
        elif whole:
            yield from (math.floor(candidate), math.ceil(candidate))
        else:
            yield candidate


def _lowest(flat: dict[str, Any]) -> float | None:
    bounds = [flat[key] for key in ("minimum", "exclusiveMinimum") if _is_bound(flat.get(key))]
    return max(bounds, default=None)


def _highest(flat: dict[str, Any]) -> float | None:
    bounds = [flat[key] for key in ("maximum", "exclusiveMaximum") if _is_bound(flat.get(key))]
    return min(bounds, default=None)


def _is_bound(value: Any) -> bool:
    # Before draft 6, exclusiveMinimum was true or false.
    return isinstance(value, int | float) and not isinstance(value, bool)


def _spread(low: float | None, high: float | None, nth: int) -> Iterator[float]:
    yield 1 + nth
    yield nth
    if low is not None:
        yield from (low + nth, low + nth + 1)
    if high is not None:
        yield from (high - nth, high - nth - 1)
    if low is not None and high is not None:
        yield low + (high - low) / (nth + 2)
    yield nth + 1.5


def _multiples(near: float, step: float, whole: bool) -> Iterator[float]:
    times = math.floor(near / step)
    for factor in (times, times + 1, times + 2, times * 10, (times + 1) * 10):
        multiple = factor * step
        yield int(multiple) if whole and multiple == int(multiple) else multiple
