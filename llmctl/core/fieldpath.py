"""Paths into a JSON value: `choices[0].message.content`, `data[*].id`.

path   step, then more of them: .name  [0]  [-1]  ["any key"]  [*]
.0     the same as [0] where there is a list
[*]    every element of a list or every value of an object; also written []
.      alone: the whole value; a dot before the first step may be left out
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from llmctl.errors import UsageError

_STEP = re.compile(
    r"""(?P<dot>\.?)(?P<name>[^.\[\]"']+)"""
    r"""|\.?\[(?P<all>\*?)\]"""
    r"""|\.?\[(?P<index>-?[0-9]+)\]"""
    r"""|\.?\[(?P<quoted>"(?:[^"\\]|\\.)*")\]"""
    r"""|\.?\['(?P<single>[^']*)'\]"""
)
_PLAIN = re.compile(r"[A-Za-z0-9_-]+\Z")
_MOST = 8
"""Keys that an error lists at the most."""


class Every(list[Any]):
    """The values of a path with [*], as opposed to one value that is a list."""


class _All:
    """The step [*]."""


ALL = _All()
Step = str | int | _All


def parse_path(path: str) -> list[Step]:
    """The steps of a path. Raises UsageError that shows where it stops making sense."""
    text = path.strip()
    if not text:
        raise UsageError("the path of a field is empty", hint="for example: choices[0].message.content")
    if text == ".":
        return []
    steps: list[Step] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if not match or (match["name"] is not None and at > 0 and not match["dot"]):
            raise UsageError(
                f"{path!r} is not the path of a field: it can't be read from {text[at:]!r} on",
                hint='for example: choices[0].message.content, data[*].id, a["b.c"]',
            )
        steps.append(_step(match))
        at = match.end()
    return steps


def _step(match: re.Match[str]) -> Step:
    if match["index"] is not None:
        return int(match["index"][:20])  # no list is longer, and huge numbers are slow to read
    if match["all"] is not None:
        return ALL
    if match["quoted"] is not None:
        try:
            return str(json.loads(match["quoted"]))
        except ValueError as error:
            raise UsageError(f"{match['quoted']} in the path of a field is not a string") from error
    return str(match["single"] if match["single"] is not None else match["name"])


def get_field(value: Any, path: str) -> Any:
    """The value at the path; with [*] in it all of them, as `Every`.

    Raises UsageError that names the step that isn't there, and what is.
    """
    steps = parse_path(path)
    found: list[tuple[Any, str]] = [(value, "")]
    for step in steps:
        found = [entry for inner, where in found for entry in _follow(inner, where, step)]
    if any(step is ALL for step in steps):
        return Every(inner for inner, _ in found)
    return found[0][0]


def render_field(value: Any) -> str:
    """A string as it is, any other value as JSON on one line; those of [*] one a line."""
    if isinstance(value, Every):
        return "\n".join(render_field(inner) for inner in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _follow(value: Any, where: str, step: Step) -> list[tuple[Any, str]]:
    """The values one step further, each with the path that leads to it."""
    if isinstance(step, _All):
        if isinstance(value, Mapping):
            return [(inner, _below(where, key)) for key, inner in value.items()]
        if _is_list(value):
            return [(inner, f"{where}[{number}]") for number, inner in enumerate(value)]
        raise _missing(where, "[*]", value)
    if isinstance(value, Mapping) and isinstance(step, str) and step in value:
        return [(value[step], _below(where, step))]
    number = _number(step)
    if _is_list(value) and number is not None and -len(value) <= number < len(value):
        return [(value[number], f"{where}[{number}]")]
    raise _missing(where, f"[{step}]" if isinstance(step, int) else step, value)


def _number(step: str | int) -> int | None:
    if isinstance(step, int):
        return step
    return int(step[:20]) if step.isascii() and step.isdigit() else None


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _below(where: str, key: str) -> str:
    if _PLAIN.match(key):
        return f"{where}.{key}" if where else key
    return f"{where}[{json.dumps(key, ensure_ascii=False)}]"


def _missing(where: str, step: str, value: Any) -> UsageError:
    place = f"in {where}" if where else "in the answer"
    return UsageError(f"there is no {step!r} {place}", hint=f"{where or 'the answer'} is {_what_is(value)}")


def _what_is(value: Any) -> str:
    if isinstance(value, Mapping):
        keys = [str(key) for key in value]
        more = f" and {len(keys) - _MOST} more" if len(keys) > _MOST else ""
        return f"an object with {', '.join(keys[:_MOST])}{more}" if keys else "an empty object"
    if _is_list(value):
        return f"a list of {len(value)}: [0] to [{len(value) - 1}], or [*]" if value else "an empty list"
    kinds = {bool: "true or false", str: "a string", int: "a number", float: "a number"}
    return kinds.get(type(value), "null") + ", which has no fields"
