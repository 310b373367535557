"""Texts with {{variables}}."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.core.template import fill, variables

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,6}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("none", []),
        ("{{a}} {{ b }} {{\n_c-1\t}} {{a}}", ["a", "b", "_c-1"]),
        ("{a} {{}} {{1}} {{a b}} {{a.b}} { {a} }", []),
        ("{{{a}}}", ["a"]),
        ("${{ github.ref }} {{über}}", []),
    ],
)
def test_variables(text, names):
    assert variables(text) == names


@given(st.dictionaries(NAMES, st.text(), max_size=4), st.text())
def test_each_is_filled_once_and_the_rest_is_kept(values, between):
    between = between.replace("{", "").replace("}", "")
    text = between.join(f"{{{{{name}}}}}" for name in values)
    assert fill(text, values) == between.join(values.values())


@given(st.text(alphabet="{} ab\n"))
def test_what_is_no_variable_stays(text):
    values = {name: f"{{{{{name}}}}}" for name in variables(text)}
    assert fill(text, values).replace(" ", "").replace("\n", "") == text.replace(" ", "").replace("\n", "")


def test_values_are_taken_as_they_are():
    assert fill("{{a}}", {"a": r"\1 {{b}} \g<0>", "b": "no"}) == r"\1 {{b}} \g<0>"


def test_a_value_that_is_missing():
    with pytest.raises(KeyError):
        fill("{{a}}", {})
