"""Parameters from the command line: `-o key=value`, typed, dotted paths for nested ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmctl.core.numbers import strict_json
from llmctl.errors import UsageError


def parse_options(pairs: Iterable[str]) -> dict[str, Any]:
    """["top_p=0.9", "stream_options.include_usage=true"] -> {"top_p": 0.9, "stream_options": {…}}.

    A value that is JSON is taken as JSON, any other as a string; a quoted one is always a string.
    Raises UsageError.
    """
    params: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        steps = key.strip().split(".")
        if not equals or not all(steps):
            raise UsageError(f"-o {pair!r} is not key=value", hint="for example: -o top_p=0.9")
        _put(params, steps, typed(value), pair)
    return params


def typed(text: str) -> Any:
    """The JSON value that the text is, or else the text."""
    try:
        return strict_json(text)
    except (ValueError, RecursionError):
        return text


def _put(table: dict[str, Any], steps: list[str], value: Any, pair: str) -> None:
    for step in steps[:-1]:
        inner = table.setdefault(step, {})
        if not isinstance(inner, dict):
            raise UsageError(f"-o {pair!r}: {step} is already set to a value that holds no fields")
        table = inner
    last = steps[-1]
    if isinstance(table.get(last), dict) and isinstance(value, dict):
        table[last].update(value)
    else:
        table[last] = value
