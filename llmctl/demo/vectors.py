"""Embeddings without a model: words and letter triples, hashed into a unit vector.

Texts that share words or spellings come out near each other; meaning plays no part.
"""

from __future__ import annotations

import base64
import math
import re
import struct
import zlib
from collections.abc import Iterator

DIMENSIONS = 256
_WORD = re.compile(r"\w+")


def vector(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """The unit vector of a text; fewer dimensions are a shortened and rescaled longer vector."""
    sums = [0.0] * DIMENSIONS
    for feature, weight in _features(text):
        hashed = zlib.crc32(feature.encode("utf-8", "surrogatepass"))
        # A bit of the hash that the place doesn't use decides the sign, so that collisions cancel out.
        sums[hashed % DIMENSIONS] += weight if hashed >> 16 & 1 else -weight
    return _unit(sums[:dimensions])


def packed(values: list[float]) -> str:
    """A vector as OpenAI sends it in base64: 32-bit floats, little end first."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode("ascii")


def _features(text: str) -> Iterator[tuple[str, float]]:
    words = _WORD.findall(text.casefold()) or [text]
    for word in words:
        yield f"word {word}", 1.0
        padded = f"^{word}$"
        triples = [padded[start : start + 3] for start in range(len(padded) - 2)]
        yield from ((f"triple {triple}", 1.5 / math.sqrt(len(triples))) for triple in triples)


def _unit(sums: list[float]) -> list[float]:
    length = math.hypot(*sums)
    if not length:
        return [1.0] + [0.0] * (len(sums) - 1)  # everything cancelled out, or was cut off
    scaled = [value / length for value in sums]
    # Rounded to what base64 can carry, so that both encodings say the same.
    return list(struct.unpack(f"<{len(scaled)}f", struct.pack(f"<{len(scaled)}f", *scaled)))
