"""JSON that anybody may have written. Half a surrogate pair is let through, as streams cut pairs in two."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from llmctl.errors import NotUnderstood

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def loads(data: bytes) -> Any:
    """The value. Raises NotUnderstood."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(data)
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
