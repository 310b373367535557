"""Quirk tables, checked and merged."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.core.quirks import Quirks, merge_quirks
from llmctl.errors import ConfigError


def test_the_defaults_are_those_of_openai():
    assert merge_quirks([]) == merge_quirks([{}, {}]) == Quirks()


def test_layers_from_weak_to_strong():
    merged = merge_quirks(
        [
            {"drop": ["seed", "n"], "rename": {"a": "b", "c": "d"}, "usage": "always", "merge_system": True},
            {"drop": ["user"], "rename": {"a": "x"}},
            {"usage": "never", "merge_system": False},
        ]
    )
    assert merged == Quirks(drop=("user",), rename={"a": "x", "c": "d"}, usage="never")


def test_layers_stay_as_they_were():
    weak, strong = {"rename": {"a": "b"}}, {"rename": {"c": "d"}}
    merge_quirks([weak, strong])
    assert (weak, strong) == ({"rename": {"a": "b"}}, {"rename": {"c": "d"}})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"drop": "seed"}, "q.drop must be a list of strings"),
        ({"drop": [1]}, "q.drop must be a list of strings"),
        ({"reasoning_tags": {"a": "b"}}, "q.reasoning_tags must be a list of strings"),
        ({"rename": ["a"]}, "q.rename must be a table of strings"),
        ({"rename": {"a": 1}}, "q.rename must be a table of strings"),
        ({"embedding_body": "x"}, "q.embedding_body must be a table"),
        ({"merge_system": 1}, "q.merge_system must be true or false"),
        ({"usage": "sometimes"}, 'q.usage must be "ask" or "always" or "never"'),
        ({"usage": ["ask"]}, 'q.usage must be "ask" or "always" or "never"'),
        ({"structured": True}, "q.structured must be"),
        ({"embedding_batch": 0}, "q.embedding_batch must be a number above 0"),
        ({"embedding_batch": True}, "q.embedding_batch must be a number above 0"),
        ({"embedding_batch": 1.5}, "q.embedding_batch must be a number above 0"),
        ({"cost_units_per_usd": -1}, "q.cost_units_per_usd must be a number above 0"),
        ({"cost_units_per_usd": float("nan")}, "q.cost_units_per_usd must be a number above 0"),
        ({"replay_reasoning": True}, "q.replay_reasoning must be a string"),
    ],
)
def test_wrong_types_are_named(table, said):
    with pytest.raises(ConfigError) as caught:
        merge_quirks([table], "q")
    assert said in caught.value.message


def test_unknown_quirks_are_named():
    with pytest.raises(ConfigError, match="unknown quirk 'renam'") as caught:
        merge_quirks([{"renam": {}}], "profiles.x.quirks")
    assert caught.value.hint == "did you mean rename?"
    with pytest.raises(ConfigError) as caught:
        merge_quirks([{"qqqqq": 1}])
    assert "embedding_batch" in (caught.value.hint or "")


def test_numbers_may_be_whole_or_not():
    merged = merge_quirks([{"cost_units_per_usd": 100, "embedding_batch": 5, "embedding_body": {"a": [1]}}])
    assert (merged.cost_units_per_usd, merged.embedding_batch, merged.embedding_body) == (100, 5, {"a": [1]})


toml_values: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["ask", "none"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = [field.name for field in dataclasses.fields(Quirks)]


@given(
    st.lists(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), toml_values, max_size=3), max_size=3)
)
def test_any_tables(layers):
    try:
        merged = merge_quirks(layers)
    except ConfigError:
        return
    assert merge_quirks([dataclasses.asdict(merged)]) == merged


@pytest.mark.parametrize("value", [["video"], "image", [1], {"image": True}])
def test_media_are_kinds_that_there_are(value):
    with pytest.raises(ConfigError, match="media must be a list of image, audio, pdf"):
        merge_quirks([{"media": value}])
