"""JSON, server-sent events and ids: the bytes under every answer."""

from __future__ import annotations

import hashlib
import json
from typing import Any

DONE = b"data: [DONE]\n\n"


def encode(value: Any) -> bytes:
    """JSON as bytes."""
    # A lone surrogate has no UTF-8; its escape is what JSON allows in its place.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


def event(value: Any) -> bytes:
    """One whole server-sent event."""
    return b"data: " + encode(value) + b"\n\n"


def identity(prefix: str, *parts: Any) -> str:
    """An id that is the same for the same request."""
    return prefix + hashlib.sha256(encode(parts)).hexdigest()[:24]
