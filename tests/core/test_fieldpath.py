"""Paths into a JSON value: `--field choices[0].message.content`."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.core.fieldpath import get_field, parse_path, render_field
from llmctl.errors import UsageError

ANSWER = {
    "id": "x",
    "choices": [{"message": {"content": "Hello", "n": None}}, {"message": {"content": "Bye", "n": 2}}],
    "a": {"b.c": 1, 'say "hi"': 2, "b": {"c": 3}, "0": "zero"},
    "empty": [],
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "x"),
        (".id", "x"),
        (".", ANSWER),
        ("choices[0].message.content", "Hello"),
        ("choices.0.message.content", "Hello"),
        ("choices[-1].message.content", "Bye"),
        (".choices[1].message", {"content": "Bye", "n": 2}),
        ("choices[0].message.n", None),
        ('a["b.c"]', 1),
        ("a['b.c']", 1),
        (r'a["say \"hi\""]', 2),
        ("a.b.c", 3),
        ("a.0", "zero"),
        ("choices[*].message.content", ["Hello", "Bye"]),
        ("choices[].message.content", ["Hello", "Bye"]),
        ("choices[*].message[*]", ["Hello", None, "Bye", 2]),
        ("empty[*].id", []),
    ],
)
def test_a_value_by_its_path(path, value):
    assert get_field(ANSWER, path) == value


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("idd", "no 'idd' in the answer", "an object with id, choices, a, empty"),
        ("choices[2]", "no '[2]' in choices", "a list of 2: [0] to [1], or [*]"),
        ("choices.message", "no 'message' in choices", "[*]"),
        ("choices[1].message.text", "no 'text' in choices[1].message", "content, n"),
        ("choices[*].id", "no 'id' in choices[0]", "message"),
        ('a["b.c"].d', """no 'd' in a["b.c"]""", "a number, which has no fields"),
        ("id.x", "no 'x' in id", "a string"),
        ("choices[0].message.n.x", "no 'x' in", "null"),
        ("id[*]", "no '[*]' in id", "a string"),
        ("empty[0]", "no '[0]' in empty", "an empty list"),
    ],
)
def test_what_is_not_there_is_named_and_what_is_there_too(path, message, hint):
    with pytest.raises(UsageError) as caught:
        get_field(ANSWER, path)
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "path", ["", " ", "a..b", "a[", "a[x]", "a]", "a.", "[0]b", 'a["b]', "a[--1]", r'a["\q"]', "a'b'"]
)
def test_what_is_no_path(path):
    with pytest.raises(UsageError):
        parse_path(path)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("id", "x"),
        ("choices[0].message", '{"content": "Hello", "n": null}'),
        ("choices[0].message.n", "null"),
        ("a.b.c", "3"),
        ("empty", "[]"),
        ("choices[*].message.content", "Hello\nBye"),
        ("choices[*].message", '{"content": "Hello", "n": null}\n{"content": "Bye", "n": 2}'),
        ("empty[*]", ""),
    ],
)
def test_how_it_is_printed(path, text):
    assert render_field(get_field(ANSWER, path)) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def places(value, path=""):
    """(path, value) of everything in a value."""
    yield path or ".", value
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield from places(inner, f"{path}[{json.dumps(key)}]")


@given(JSON)
def test_every_place_has_a_path(value):
    for path, inner in places(value):
        assert get_field(value, path) == inner


@given(JSON, st.text(alphabet="ab.[]*'\"\\01-", max_size=12))
def test_any_text_is_a_path_or_a_clear_error(value, path):
    with contextlib.suppress(UsageError):
        render_field(get_field(value, path))


@given(st.lists(st.dictionaries(st.sampled_from("ab"), st.integers(), min_size=2), min_size=1))
def test_all_is_each_one(rows):
    assert get_field(rows, "[*].a") == [get_field(rows, f"[{n}].a") for n in range(len(rows))]
