"""What is the same request to the cache, which answers it keeps, and what a request wishes of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmctl.gateway.cache import CacheWish, cache_key, cache_wish, may_keep

FIELDS = {"model": b'"m"', "messages": b"[]"}


def test_a_key_is_that_of_the_same_request_only() -> None:
    key = cache_key("ann", "chat", "work/m", FIELDS)
    assert len(key) == 64
    assert key == cache_key("ann", "chat", "work/m", dict(reversed(FIELDS.items())))
    others = [
        cache_key("bob", "chat", "work/m", FIELDS),
        cache_key("ann", "completions", "work/m", FIELDS),
        cache_key("ann", "chat", "work/n", FIELDS),
        cache_key("ann", "chat", "work/m", {**FIELDS, "stream": b"true"}),
        cache_key("ann", "chat", "work/m", {**FIELDS, "model": b'"n"'}),
        cache_key("ann", "chat", "work/m", {"model": b"[]", "messages": b'"m"'}),
        cache_key("ann", "chat", "work/m", {"model": b'"m"'}),
    ]
    assert len({key, *others}) == len(others) + 1


requests = st.tuples(
    st.text("a:1"),
    st.text("a:1"),
    st.text("a:1"),
    st.dictionaries(st.text("a:1"), st.binary(max_size=3), max_size=3),
)


@settings(deadline=None)
@given(requests, requests)
def test_keys_never_collide_by_how_things_are_put_together(one: Any, other: Any) -> None:
    assert (cache_key(*one) == cache_key(*other)) == (one == other)


def test_where_one_part_ends_counts() -> None:
    assert cache_key("a", "bc", "", {}) != cache_key("ab", "c", "", {})
    assert cache_key("", "", "", {"a": b"bc"}) != cache_key("", "", "", {"ab": b"c"})
    assert cache_key("", "", "ab", {}) != cache_key("", "", "", {"a": b"b"})


@pytest.mark.parametrize(
    ("door", "status", "reasons", "complete", "kept"),
    [
        ("chat", 200, ["stop"], True, True),
        ("chat", 200, ["stop", "tool_calls"], True, True),
        ("completions", 200, {"function_call"}, True, True),
        ("embeddings", 200, [], True, True),
        ("chat", 200, [], True, False),
        ("chat", 200, ["stop"], False, False),
        ("chat", 200, ["length"], True, False),
        ("chat", 200, ["stop", "content_filter"], True, False),
        ("chat", 200, ["stop", ""], True, False),
        ("chat", 201, ["stop"], True, False),
        ("chat", 500, ["stop"], True, False),
        ("embeddings", 200, [], False, False),
        ("images", 200, [], True, False),
    ],
)
def test_only_whole_answers_are_kept(
    door: str, status: int, reasons: list[str], complete: bool, kept: bool
) -> None:
    assert may_keep(door, status, reasons, complete) is kept


@pytest.mark.parametrize(
    ("headers", "wish"),
    [
        ({}, CacheWish()),
        ({"x-other": "on"}, CacheWish()),
        ({"x-llmctl-cache": "on"}, CacheWish(True, True)),
        ({"x-llmctl-cache": "OFF"}, CacheWish(False, False)),
        ({"x-llmctl-cache": "refresh"}, CacheWish(False, True)),
        ({"x-llmctl-cache": "max-age=60"}, CacheWish(True, True, 60.0)),
        ({"x-llmctl-cache": " on , max-age=0.5,surely"}, CacheWish(True, True, 0.5)),
        ({"x-llmctl-cache": "refresh, max-age=60"}, CacheWish(False, True, 60.0)),
        ({"x-llmctl-cache": "max-age=-1, max-age=x, max-age=nan"}, CacheWish()),
        ({"x-llmctl-cache": "max-age=" + "9" * 400}, CacheWish()),
        ({"cache-control": "no-cache"}, CacheWish(use=False)),
        ({"cache-control": "no-store"}, CacheWish(store=False)),
        ({"cache-control": 'max-age="60", private'}, CacheWish(max_age=60.0)),
        ({"cache-control": "no-cache, no-store", "x-llmctl-cache": "on"}, CacheWish(True, True)),
        ({"cache-control": "max-age=9", "x-llmctl-cache": "on"}, CacheWish(True, True, 9.0)),
    ],
)
def test_what_a_request_wishes(headers: dict[str, str], wish: CacheWish) -> None:
    assert cache_wish([(name.encode(), value.encode()) for name, value in headers.items()]) == wish


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([b"x-llmctl-cache", b"cache-control"]), st.binary(max_size=40))))
def test_no_header_is_an_error(headers: list[tuple[bytes, bytes]]) -> None:
    wish = cache_wish(headers)
    assert wish.max_age is None or wish.max_age >= 0
