"""JSON that anybody may have written. Half a surrogate pair is let through, as streams cut pairs in two."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import msgspec

from llmctl.errors import NotUnderstood

_decode = msgspec.json.Decoder().decode
_skip = re.compile(r"[ \t\n\r]*").match
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_encode = msgspec.json.Encoder().encode


def loads(data: bytes | msgspec.Raw) -> Any:
    """The value. Raises NotUnderstood."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(bytes(data))
    except (ValueError, RecursionError) as error:
        raise NotUnderstood("the provider sent what is not JSON") from error


def dumps(value: Any) -> bytes:
    """JSON. Raises NotUnderstood for numbers that no JSON can hold."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        pass
    try:
        return json.dumps(value, allow_nan=False).encode()
    except ValueError as error:
        raise NotUnderstood("the provider sent a number that is no number") from error


def cut_fields(data: bytes) -> dict[str, bytes]:
    """The fields of an object that may hold halves of surrogate pairs, as they were written.

    Raises ValueError for what is no object, and where there are no such escapes.
    """
    if not _HALF.search(data):
        raise ValueError("there is nothing to be lenient about")
    text = data.decode()
    at, fields = _after(text, _next(text, 0), "{"), {}
    while text[at : at + 1] != "}":
        if text[at : at + 1] != '"':
            raise ValueError("a name is missing")
        name, end = _decoder.scan_once(text, at)
        begin = _after(text, _next(text, end), ":")
        end = _value(text, begin)
        fields[name.encode().decode()] = text[begin:end].encode()
        at = _next(text, end)
        if text[at : at + 1] != "}":
            at = _after(text, at, ",")
            if text[at : at + 1] == "}":
                raise ValueError("a comma too many")
    if _next(text, at + 1) != len(text):
        raise ValueError("something follows")
    return fields


def _next(text: str, at: int) -> int:
    """Where the next thing begins that is no white space."""
    found = _skip(text, at)
    assert found is not None
    return found.end()


def _after(text: str, at: int, mark: str) -> int:
    """Where the next thing begins behind a mark that must be here."""
    if text[at : at + 1] != mark:
        raise ValueError(f"{mark} is missing")
    return _next(text, at + 1)


def _value(text: str, at: int) -> int:
    """Where the value that begins here ends."""
    try:
        end: int = _decoder.scan_once(text, at)[1]
    except StopIteration as error:
        raise ValueError("a value is missing") from error
    return end


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


_decoder: Any = json.JSONDecoder(parse_constant=_refuse)
