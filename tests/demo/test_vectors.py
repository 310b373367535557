"""Embeddings: the same, of length one, and near for texts that look alike."""

from __future__ import annotations

import base64
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.demo.vectors import DIMENSIONS, packed, vector


def likeness(one, other):
    return (
        math.sumprod(one, other)
        if hasattr(math, "sumprod")
        else sum(a * b for a, b in zip(one, other, strict=True))
    )


@given(st.text(st.characters(), min_size=1), st.integers(1, DIMENSIONS))
def test_unit_length_and_deterministic(text, dimensions):
    made = vector(text, dimensions)
    assert len(made) == dimensions
    assert math.isclose(math.hypot(*made), 1, abs_tol=1e-6)
    assert made == vector(text, dimensions)


@given(st.text(min_size=1))
def test_base64_carries_every_bit(text):
    made = vector(text)
    assert list(struct.unpack(f"<{DIMENSIONS}f", base64.b64decode(packed(made)))) == made


@given(st.text(min_size=1))
def test_fewer_dimensions_are_a_shortened_vector(text):
    longer, shorter = vector(text)[:100], vector(text, 100)
    length = math.hypot(*longer)
    if length:
        assert shorter == pytest.approx([value / length for value in longer], abs=1e-6)


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("the cat sat on the mat", "a cat sits on the mat", "quarterly tax report 2026"),
        ("How do I reset my password?", "password reset", "opening hours of the museum"),
        ("Strasbourg", "Strassbourg", "Kopenhagen"),
        ("HELLO WORLD", "hello, world!", "goodbye moon"),
    ],
)
def test_near_texts_are_nearer(text, near, far):
    assert likeness(vector(text), vector(near)) > likeness(vector(text), vector(far)) + 0.2


@given(st.lists(st.sampled_from(["red", "green", "blue", "sky", "tree"]), min_size=4, max_size=8))
def test_a_text_is_nearest_to_itself(words):
    text = " ".join(words)
    assert likeness(vector(text), vector(text + "!")) == pytest.approx(1, abs=1e-6)
    assert likeness(vector(text), vector("something else entirely")) < 0.5
