"""Fields of a request, written as for `gh api`: -f key=value, -F key=3, a[b]=c, a[]=x."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmctl.core.params import typed
from llmctl.errors import UsageError

_KEY = re.compile(r"([^\[\]=]+)((?:\[[^\[\]]*\])*)\Z")
_APPEND = ""
"""The step [] of a key."""

ReadFile = Callable[[str], bytes]


def read_fields(plain: list[str], magic: list[str], read_file: ReadFile) -> dict[str, Any]:
    """The object that -f (strings) and -F (typed, @file) pairs make. Raises UsageError.

    -F takes true, false, null, numbers and any other JSON for what it is; @file and @- stand for a
    file's text. `a[b]=c` nests, `a[]=x` appends, `a[][b]=c` begins a new object where b is there
    already, and `a[]` alone is an empty list.
    """
    fields: dict[str, Any] = {}
    for pair in plain:
        steps, value = _split(pair, "-f")
        _put(fields, steps, value, pair, empty=value is None)
    for pair in magic:
        steps, text = _split(pair, "-F")
        _put(fields, steps, None if text is None else _magic(text, read_file), pair, empty=text is None)
    return fields


def query_pairs(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The fields as a query: nested ones under the same keys, lists repeated."""
    return [pair for key, value in fields.items() for pair in _pairs(key, value)]


def _pairs(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _pairs(f"{key}[{name}]", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _pairs(f"{key}[]", inner)
    else:
        yield key, _word(value)


def _word(value: Any) -> str:
    """A value as it stands in a query."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: ""}[value]
    return str(value)


def _split(pair: str, option: str) -> tuple[list[str], str | None]:
    """(steps of the key, value); the value is None for `a[]` alone. Raises UsageError."""
    key, equals, value = pair.partition("=")
    match = _KEY.match(key)
    if not match or (not equals and not key.endswith("[]")):
        raise UsageError(
            f"{option} {pair!r} is not key=value", hint=f"for example: {option} model=gpt-6-luna, a[b]=c, a[]=x"
        )
    steps = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
    return steps, value if equals else None


def _magic(text: str, read_file: ReadFile) -> Any:
    if not text.startswith("@"):
        return typed(text)
    try:
        return read_file(text[1:]).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"-F {text} is not UTF-8 text", hint="--form sends files of any kind") from error


def _put(fields: dict[str, Any], steps: list[str], value: Any, pair: str, empty: bool) -> None:
    """Put a value at the end of its steps. `empty`: there is no value, the list alone is made."""
    holder: Any = fields
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        if step == _APPEND:
            if last:
                _check(holder, list, pair)
                if not empty:
                    holder.append(value)
                return
            holder = _element(holder, steps[number + 1], last_is_next=number + 2 == len(steps), pair=pair)
            continue
        _check(holder, dict, pair)
        if last:
            if isinstance(holder.get(step), list | dict):
                raise UsageError(f"{pair!r}: {step} is already set to a value that holds others")
            holder[step] = [] if empty else value
            return
        holder = holder.setdefault(step, [] if steps[number + 1] == _APPEND else {})
    raise UsageError(f"{pair!r} is not key=value")


def _element(holder: Any, step: str, last_is_next: bool, pair: str) -> Any:
    """The list's last object, or a new one where the next key is in it already."""
    _check(holder, list, pair)
    if step == _APPEND:
        holder.append([])
    elif not holder or not isinstance(holder[-1], dict) or (last_is_next and step in holder[-1]):
        holder.append({})
    return holder[-1]


def _check(holder: Any, kind: type, pair: str) -> None:
    if not isinstance(holder, kind):
        raise UsageError(f"{pair!r} does not fit the fields before it", hint="a key holds either values or fields")
