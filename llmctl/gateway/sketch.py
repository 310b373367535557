"""Latencies as counts in buckets: small, mergeable, and exact to a tenth of the value."""

from __future__ import annotations

import math
from collections.abc import Mapping

Sketch = dict[str, int]
"""Bucket → how many. Bucket i holds from LEAST * 2**(i/4) ms on; its name is text because JSON wants that."""

LEAST = 1.0
MOST_BUCKETS = 80
"""The last one begins at about 15 minutes."""


def add(sketch: Sketch, ms: float) -> None:
    """Count one latency in milliseconds."""
    bucket = 0 if ms <= LEAST else min(int(math.log2(ms / LEAST) * 4), MOST_BUCKETS - 1)
    name = str(bucket)
    sketch[name] = sketch.get(name, 0) + 1


def merged(*sketches: Mapping[str, int]) -> Sketch:
    """All counts together."""
    total: Sketch = {}
    for sketch in sketches:
        for name, count in sketch.items():
            total[name] = total.get(name, 0) + count
    return total


def quantile(sketch: Mapping[str, int], part: float) -> float | None:
    """The latency in ms that `part` (0 to 1) of all stay under; None without any."""
    total = sum(sketch.values())
    if not total:
        return None
    rank, seen = part * total, 0
    for bucket, count in sorted((int(name), count) for name, count in sketch.items()):
        if seen + count >= rank:
            within = (rank - seen) / count
            return round(LEAST * 2 ** ((bucket + within) / 4), 1)
        seen += count
    raise AssertionError("unreachable: the counts add up to the total")
