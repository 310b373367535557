"""Cosine similarity, with NumPy where it is installed and worth its start-up."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from operator import mul

WORTH_NUMPY = 200_000
"""Numbers to multiply from which importing NumPy pays: about 0.1 s in pure Python."""


def scores(query: Sequence[float], vectors: Sequence[array[float]]) -> list[float]:
    """The cosine of the angle between the query and each vector; 0.0 where either is all zeros."""
    if len(query) * len(vectors) >= WORTH_NUMPY:
        try:
            return numpy_scores(query, vectors)
        except ImportError:
            pass
    return plain_scores(query, vectors)


def plain_scores(query: Sequence[float], vectors: Sequence[array[float]]) -> list[float]:
    """In pure Python."""
    length = math.hypot(*query)

    def score(vector: array[float]) -> float:
        product = length * math.hypot(*vector)
        return sum(map(mul, query, vector)) / product if product else 0.0

    return [score(vector) for vector in vectors]


def numpy_scores(query: Sequence[float], vectors: Sequence[array[float]]) -> list[float]:
    """With NumPy. Raises ImportError where it is not installed."""
    import numpy

    one = numpy.asarray(query, dtype=numpy.float64)
    found: list[float] = []
    for start in range(0, len(vectors), 4096):  # a copy in double precision, a part at a time
        matrix = numpy.asarray([*vectors[start : start + 4096]], dtype=numpy.float64)
        lengths = numpy.linalg.norm(matrix, axis=1) * numpy.linalg.norm(one)
        products = matrix @ one
        found += numpy.divide(products, lengths, out=numpy.zeros_like(products), where=lengths > 0).tolist()
    return found
