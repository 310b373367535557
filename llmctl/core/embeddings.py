"""Embedding replies, and texts cut into batches."""

from __future__ import annotations

import base64
import binascii
import math
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmctl.core.chat import parse_json
from llmctl.core.events import Usage
from llmctl.core.faults import error_in_body
from llmctl.core.quirks import Quirks
from llmctl.core.usage import read_usage
from llmctl.errors import NotUnderstood

BATCH_CHARS = 400_000
"""Characters in one request at the most: well under the 300,000 tokens that OpenAI takes in one."""


@dataclass
class Embeddings:
    """One vector an input, in the order of the inputs. Vectors are float32 arrays."""

    vectors: list[array[float]] = field(default_factory=list)
    model: str | None = None
    usage: Usage | None = None


def batches(texts: Sequence[str], most: int) -> Iterator[range]:
    """Ranges of inputs that fit one request: `most` inputs, BATCH_CHARS characters."""
    start = size = 0
    for number, text in enumerate(texts):
        if number > start and (number - start >= most or size + len(text) > BATCH_CHARS):
            yield range(start, number)
            start, size = number, 0
        size += len(text)
    if len(texts) > start:
        yield range(start, len(texts))


def read_embeddings(body: bytes, expected: int, quirks: Quirks) -> Embeddings:
    """Decode a reply. Vectors come as numbers or base64, in any order. Raises NotUnderstood."""
    payload = parse_json(body)
    error = error_in_body(payload)
    if error:
        raise error
    if isinstance(payload, list):
        payload = {"data": payload}  # llama.cpp's own /embeddings, without /v1
    rows = payload.get("data") if isinstance(payload, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise NotUnderstood("the provider's answer holds no embeddings")
    if len(rows) != expected:
        raise NotUnderstood(f"the provider sent {len(rows)} embeddings for {expected} texts")
    vectors: list[array[float] | None] = [None] * expected
    for position, row in enumerate(rows):
        index = row.get("index", position)
        if not isinstance(index, int) or not 0 <= index < expected or vectors[index] is not None:
            raise NotUnderstood("the provider's embeddings are not numbered 0, 1, 2, …")
        vectors[index] = read_vector(row.get("embedding"))
    model = payload.get("model")
    return Embeddings(
        [vector for vector in vectors if vector is not None],
        model if isinstance(model, str) else None,
        read_usage(_with_completion(payload.get("usage")), quirks),
    )


def read_vector(raw: Any) -> array[float]:
    """A vector from a list of numbers or from base64 of little-endian float32."""
    try:
        if isinstance(raw, str):
            vector = array("f")
            vector.frombytes(base64.b64decode(raw, validate=True))
            if sys.byteorder == "big":
                vector.byteswap()
            return _finite(vector)
        if isinstance(raw, list) and len(raw) == 1 and isinstance(raw[0], list):
            raw = raw[0]  # llama-cpp-python wraps the vector once more
        if isinstance(raw, list) and raw:
            return _finite(array("f", raw))
    except (TypeError, ValueError, OverflowError, binascii.Error):
        pass
    raise NotUnderstood("the provider sent something else than a vector of numbers")


def _finite(vector: array[float]) -> array[float]:
    if not vector or not all(map(math.isfinite, vector)):
        raise ValueError("no finite numbers")
    return vector


def _with_completion(usage: Any) -> Any:
    """Embeddings cost prompt tokens only."""
    return {"completion_tokens": 0, **usage} if isinstance(usage, Mapping) else usage
