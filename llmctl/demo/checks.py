"""Small checks of one request field each. A check takes the field's name and value, and raises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llmctl.demo.problems import Problem, invalid_type, invalid_value, missing

Check = Callable[[str, Any], None]


def number(low: float, high: float) -> Check:
    """A JSON number within bounds; true and false are not numbers."""

    def check(param: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise invalid_type(param, "a decimal number", value)
        _within(param, value, low, high, "decimal")

    return check


def integer(low: int, high: int = 2**63 - 1) -> Check:
    """A JSON integer within bounds."""

    def check(param: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise invalid_type(param, "an integer", value)
        _within(param, value, low, high, "integer")

    return check


def _within(param: str, value: float, low: float, high: float, kind: str) -> None:
    if value < low:
        message = f"Invalid '{param}': {value} is below the minimum of {low}."
        raise Problem(message, param=param, code=f"{kind}_below_min_value")
    if value > high:
        message = f"Invalid '{param}': {value} is above the maximum of {high}."
        raise Problem(message, param=param, code=f"{kind}_above_max_value")


def boolean(param: str, value: Any) -> None:
    """true or false."""
    if not isinstance(value, bool):
        raise invalid_type(param, "a boolean", value)


def string(param: str, value: Any) -> None:
    """Any string."""
    if not isinstance(value, str):
        raise invalid_type(param, "a string", value)


def mapping(param: str, value: Any) -> None:
    """Any object."""
    if not isinstance(value, dict):
        raise invalid_type(param, "an object", value)


def array(param: str, value: Any) -> None:
    """An array with something in it."""
    if not isinstance(value, list):
        raise invalid_type(param, "an array", value)
    if not value:
        message = f"Invalid '{param}': empty array. Expected an array with at least one item."
        raise Problem(message, param=param, code="empty_array")


def one_of(*allowed: str) -> Check:
    """One of a few words."""

    def check(param: str, value: Any) -> None:
        string(param, value)
        if value not in allowed:
            choices = ", ".join(f"'{word}'" for word in allowed)
            raise invalid_value(param, f"'{value}'. Supported values are: {choices}.")

    return check


def stop_sequences(param: str, value: Any) -> None:
    """A string, or up to four of them."""
    if isinstance(value, str):
        return
    if not isinstance(value, list):
        raise invalid_type(param, "a string or an array of strings", value)
    if len(value) > 4:
        raise Problem(f"Invalid '{param}': array too long.", param=param, code="array_above_max_length")
    for position, item in enumerate(value):
        string(f"{param}[{position}]", item)


def stream_options(param: str, value: Any) -> None:
    """The two booleans that `stream_options` may hold."""
    mapping(param, value)
    fields(value, {"include_usage": boolean, "include_obfuscation": boolean}, within=param)


def fields(
    body: Mapping[str, Any],
    known: Mapping[str, Check],
    *,
    required: Sequence[str] = (),
    within: str = "",
) -> None:
    """Check every field of an object: none missing, none unknown. null stands for "not given"."""
    prefix = f"{within}." if within else ""
    for name in required:
        if body.get(name) is None:
            raise missing(prefix + name)
    for name, value in body.items():
        if name not in known:
            raise _unknown(prefix + name)
        if value is not None:
            known[name](prefix + name, value)


def _unknown(param: str) -> Problem:
    message = f"Unrecognized request argument supplied: {param}"
    return Problem(message, param=param, code="unknown_parameter")


def needs(body: Mapping[str, Any], name: str, other: str) -> None:
    """`name` only makes sense together with `other`."""
    if body.get(name) is not None and not body.get(other):
        message = f"Invalid value for '{name}': '{name}' is only allowed when '{other}' is specified."
        raise Problem(message, param=name, code="invalid_value")
