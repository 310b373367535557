"""Embeddings without a model: words and letter triples, each with its own direction, summed up.

Texts that share words or spellings come out near each other; meaning plays no part.
"""

from __future__ import annotations

import base64
import math
import re
import struct
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b

DIMENSIONS = 256
_WORD = re.compile(r"\w+")


def vector(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """The unit vector of a text; fewer dimensions are a shortened and rescaled longer vector."""
    sums = [0.0] * dimensions
    for feature, weight in _features(text):
        for place, sign in enumerate(_signs(feature)[:dimensions]):
            sums[place] += weight * sign
    return _unit(sums)


@lru_cache(maxsize=4096)
def _signs(feature: str) -> list[int]:
    """A direction of its own for each feature: +1 or -1 in every dimension, so that short vectors differ too."""
    bits = int.from_bytes(blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=DIMENSIONS // 8).digest())
    return [1 if bits >> place & 1 else -1 for place in range(DIMENSIONS)]


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
