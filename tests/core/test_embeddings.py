"""Embedding replies and batches."""

from __future__ import annotations

import base64
import json
import math
import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.core.embeddings import BATCH_CHARS, batches, read_embeddings, read_vector
from llmctl.core.events import Usage
from llmctl.core.quirks import Quirks
from llmctl.errors import LlmctlError, NotUnderstood, RateLimited
from support import wire


def encoded(*numbers: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def read(payload: object, expected: int):
    return read_embeddings(json.dumps(payload).encode(), expected, Quirks())


@pytest.mark.parametrize(
    "vector", [[0.5, -1.0], encoded(0.5, -1.0), [[0.5, -1.0]]], ids=["numbers", "base64", "wrapped once more"]
)
def test_vector(vector):
    got = read(wire.embeddings(vector), 1)
    assert got.vectors == [array("f", [0.5, -1.0])]
    assert got.model == wire.MODEL
    assert got.usage == Usage(3, 0, 3)


def test_whole_numbers_are_numbers():
    assert read_vector([1, 0]) == array("f", [1.0, 0.0])


def test_numbers_and_base64_together():
    assert read(wire.embeddings([1.0], encoded(2.0)), 2).vectors == [array("f", [1.0]), array("f", [2.0])]


def test_in_any_order():
    body = wire.embeddings([0.0], [1.0], [2.0])
    body["data"].reverse()
    assert [vector[0] for vector in read(body, 3).vectors] == [0.0, 1.0, 2.0]


def test_without_indexes_the_order_counts():
    rows = [{"embedding": [0.0]}, {"embedding": [1.0]}]
    assert [vector[0] for vector in read({"data": rows}, 2).vectors] == [0.0, 1.0]


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": 3, "total_tokens": 3}])
def test_usage(usage):
    got = read({**wire.embeddings([1.0]), "usage": usage}, 1).usage
    assert (got.prompt_tokens if got else None) == (usage or {}).get("prompt_tokens")


@pytest.mark.parametrize(
    "raw",
    [
        *[
            pytest.param(raw, id=repr(raw))
            for raw in (None, [], "", {}, 7, True, ["x"], [None], [[]], [[1.0], [2.0]])
        ],
        pytest.param([10**400], id="a number too large"),
        pytest.param([math.nan], id="not a number"),
        pytest.param([1e39], id="too large for float32"),
        pytest.param([math.inf], id="infinite"),
        pytest.param(encoded(math.nan), id="not a number, in base64"),
        pytest.param("abc", id="base64 without its end"),
        pytest.param("AAAA", id="three bytes"),
        pytest.param("AA AA", id="a space in base64"),
        pytest.param("é", id="letters beyond ASCII"),
        pytest.param("\ud800", id="half a letter"),
    ],
)
def test_what_is_no_vector(raw):
    with pytest.raises(NotUnderstood):
        read_vector(raw)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({}, id="empty"),
        pytest.param([], id="list"),
        pytest.param({"data": None}, id="null"),
        pytest.param({"data": [1.0]}, id="bare numbers"),
        pytest.param({"data": []}, id="too few"),
        pytest.param(wire.embeddings([1.0], [2.0]), id="too many"),
        pytest.param({"data": [{"embedding": [1.0], "index": 1}]}, id="index too large"),
        pytest.param({"data": [{"embedding": [1.0], "index": -1}]}, id="index negative"),
        pytest.param({"data": [{"embedding": [1.0], "index": "0"}]}, id="index a string"),
        pytest.param({"data": [{"index": 0}]}, id="no vector"),
    ],
)
def test_what_is_no_reply(payload):
    with pytest.raises(NotUnderstood):
        read(payload, 1)


def test_an_index_twice():
    with pytest.raises(NotUnderstood):
        read({"data": [{"embedding": [1.0], "index": 0}] * 2}, 2)


def test_an_error_with_status_200():
    with pytest.raises(RateLimited):
        read(wire.error_body("x", code=429), 1)


@pytest.mark.parametrize(
    ("texts", "most", "expected"),
    [
        ([], 2, []),
        (["a"], 2, [[0]]),
        (["a"] * 5, 2, [[0, 1], [2, 3], [4]]),
        (["a"] * 2, 1, [[0], [1]]),
        ([""] * 3, 9, [[0, 1, 2]]),
        (["x" * BATCH_CHARS, "a", "b"], 9, [[0], [1, 2]]),
        (["a", "x" * BATCH_CHARS * 2, "b"], 9, [[0], [1], [2]]),
        (["x" * (BATCH_CHARS // 2)] * 3, 9, [[0, 1], [2]]),
    ],
)
def test_batches(texts, most, expected):
    assert [list(batch) for batch in batches(texts, most)] == expected


@given(st.lists(st.integers(0, BATCH_CHARS + 9).map("x".__mul__), max_size=12), st.integers(1, 5))
def test_any_batches(texts, most):
    got = list(batches(texts, most))
    assert [number for batch in got for number in batch] == list(range(len(texts)))
    for batch in got:
        assert 1 <= len(batch) <= most
        assert len(batch) == 1 or sum(len(texts[number]) for number in batch) <= BATCH_CHARS


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_and_base64_are_the_same(numbers):
    assert read_vector(numbers) == read_vector(encoded(*numbers))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.just(10**400),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "embedding", "index", "usage", "model", "detail"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(st.binary(max_size=100) | values.map(lambda value: json.dumps(value).encode()), st.integers(0, 3))
def test_any_body(body, expected):
    try:
        got = read_embeddings(body, expected, Quirks())
    except LlmctlError:
        return
    assert len(got.vectors) == expected
