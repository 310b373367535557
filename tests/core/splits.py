"""Streams cut into portions, at every possible place."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import TypeVar

from hypothesis import strategies as st

Sequence = TypeVar("Sequence", str, bytes)

cuts = st.lists(st.integers(0, 400), max_size=20)
"""Where to cut; counted on from the start again behind the end. Two equal places give an empty portion."""


def cut(whole: Sequence, places: Iterable[int]) -> list[Sequence]:
    """The portions between the places; together they are the whole."""
    ends = [0, *sorted(place % (len(whole) + 1) for place in places), len(whole)]
    return [whole[start:end] for start, end in pairwise(ends)]


def each_one(whole: Sequence) -> list[Sequence]:
    """Portions of one byte or letter."""
    return cut(whole, range(1, len(whole)))
