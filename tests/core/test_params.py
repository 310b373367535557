"""`-o key=value`."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.core.params import parse_options, typed
from llmctl.errors import UsageError


@pytest.mark.parametrize(
    ("pairs", "params"),
    [
        pytest.param([], {}, id="none"),
        pytest.param(["top_p=0.9"], {"top_p": 0.9}, id="number"),
        pytest.param(["seed=7"], {"seed": 7}, id="whole number"),
        pytest.param(["store=true"], {"store": True}, id="boolean"),
        pytest.param(["stop=null"], {"stop": None}, id="null"),
        pytest.param(["effort=high"], {"effort": "high"}, id="word"),
        pytest.param(["stop="], {"stop": ""}, id="empty"),
        pytest.param(['user="7"'], {"user": "7"}, id="quoted"),
        pytest.param(["a=b=c"], {"a": "b=c"}, id="the first equals sign counts"),
        pytest.param(["stop=[1, 2]"], {"stop": [1, 2]}, id="list"),
        pytest.param(['a={"b": {"c": 1}}'], {"a": {"b": {"c": 1}}}, id="object"),
        pytest.param(["a={broken"], {"a": "{broken"}, id="broken JSON is a string"),
        pytest.param(["a=NaN", "b=-Infinity"], {"a": "NaN", "b": "-Infinity"}, id="no numbers of JSON"),
        pytest.param(["a.b.c=1"], {"a": {"b": {"c": 1}}}, id="dotted"),
        pytest.param(["a.b=1", "a.c=2"], {"a": {"b": 1, "c": 2}}, id="dotted twice"),
        pytest.param(['a={"b": 1}', "a.c=2"], {"a": {"b": 1, "c": 2}}, id="object, then dotted"),
        pytest.param(["a.b=1", 'a={"c": 2}'], {"a": {"b": 1, "c": 2}}, id="dotted, then object"),
        pytest.param(["a=1", "a=2"], {"a": 2}, id="the last one counts"),
        pytest.param(["a.b=1", "a=2"], {"a": 2}, id="a value over a table"),
        pytest.param([" a =1"], {"a": 1}, id="white space around the key"),
    ],
)
def test_options(pairs, params):
    assert parse_options(pairs) == params


@pytest.mark.parametrize("pair", ["", "a", "=1", ".a=1", "a.=1", "a..b=1", ".=1", "  =1"])
def test_what_is_no_option(pair):
    with pytest.raises(UsageError) as caught:
        parse_options([pair])
    assert repr(pair) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("pairs", [["a=1", "a.b=2"], ["a.b=x", "a.b.c=2"], ["a=[]", "a.b=1"], ["a=null", "a.b=1"]])
def test_a_value_holds_no_fields(pairs):
    with pytest.raises(UsageError, match="already set"):
        parse_options(pairs)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
KEYS = st.from_regex(r"[a-z_]{1,8}(\.[a-z_]{1,8}){0,2}", fullmatch=True)


@given(KEYS, json_values)
def test_json_comes_back(key, value):
    params = parse_options([f"{key}={json.dumps(value)}"])
    for step in key.split("."):
        params = params[step]
    assert params == value


@given(st.text())
def test_any_text_is_a_value(text):
    assert typed(text) == text or text.strip()[:1] in '"-0123456789[{tfn'


@pytest.mark.parametrize(
    "text", ["1e400", "-1e999", "[1e400]", "NaN", '{"a": Infinity}', "[" * 100_000, "9" * 5000]
)
def test_every_value_can_be_sent_as_json(text):
    json.dumps(typed(text), allow_nan=False)


@given(st.lists(st.builds("{}={}".format, KEYS, st.text()) | st.text(), max_size=5))
def test_any_options(pairs):
    try:
        params = parse_options(pairs)
    except UsageError:
        return
    json.dumps(params, allow_nan=False)
