"""Model lists in all shapes."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.core.models import Model, read_models
from llmctl.errors import KeyRejected, LlmctlError, NotUnderstood
from support import wire


def read(payload: object) -> list[Model]:
    return read_models(json.dumps(payload).encode())


def one(**entry: object) -> Model:
    (model,) = read({"data": [{"id": "m", **entry}]})
    return model


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(wire.models("b/x:7b", "a"), id="OpenAI"),
        pytest.param({"models": [{"name": "b/x:7b"}, {"name": "a", "size": 7}]}, id="Ollama's own"),
        pytest.param([{"id": "b/x:7b"}, {"id": "a"}], id="Together: a bare list"),
        pytest.param({"data": ["b/x:7b", "a"]}, id="names alone"),
        pytest.param(["a", "b/x:7b", "a"], id="one of them twice"),
        pytest.param({"data": [{"id": "models/b/x:7b"}, {"id": "models/a"}]}, id="Gemini"),
        pytest.param({"data": [{"model": "a"}, {"model": "b/x:7b"}]}, id="model"),
        pytest.param({"data": [{"id": None, "name": "a"}, {"id": "b/x:7b"}]}, id="id null"),
        pytest.param({"data": None, "models": [{"id": "a"}, {"id": "b/x:7b"}]}, id="data null"),
        pytest.param({"data": ["a", "b/x:7b", None, 7, {}, [], {"id": ""}, ""]}, id="nonsense among them"),
        pytest.param(
            {
                "data": [
                    {"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"}
                    for name in ("b/x:7b", "a")
                ],
                "has_more": False,
                "first_id": "b/x:7b",
            },
            id="Anthropic",
        ),
    ],
)
def test_names(payload):
    assert [model.id for model in read(payload)] == ["a", "b/x:7b"]


@pytest.mark.parametrize("payload", [{"data": []}, {"models": []}, []])
def test_none_at_all(payload):
    assert read(payload) == []


@pytest.mark.parametrize("payload", [{}, {"data": None}, {"data": {}}, "x", 7, None, True])
def test_what_is_no_list(payload):
    with pytest.raises(NotUnderstood):
        read(payload)


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"{"])
def test_what_is_no_json(body):
    with pytest.raises(NotUnderstood):
        read_models(body)


def test_an_error_with_status_200():
    with pytest.raises(KeyRejected):
        read(wire.error_body("x", code="invalid_api_key"))


def test_as_dict():
    assert one(owned_by="me", created=5, context_length=7).as_dict() == {
        "id": "m",
        "owned_by": "me",
        "created": 5,
        "context": 7,
        "input_price": None,
        "output_price": None,
    }


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        (1_790_000_000, 1_790_000_000),
        (1.5, 1),
        *[(created, None) for created in (0, -1, 1e12, "now", None, True, math.nan, 10**400)],
    ],
)
def test_created(created, expected):
    assert one(created=created).created == expected


@pytest.mark.parametrize(("owner", "expected"), [("me", "me"), ("", None), (None, None), (7, None)])
def test_owner(owner, expected):
    assert one(owned_by=owner).owned_by == expected


@pytest.mark.parametrize(
    ("entry", "context"),
    [
        ({"context_length": 8192}, 8192),
        ({"context_window": 8192}, 8192),
        ({"max_context_length": 8192}, 8192),
        ({"max_model_len": 8192}, 8192),
        ({"max_input_tokens": 8192}, 8192),
        ({"meta": {"n_ctx_train": 8192}}, 8192),
        ({"meta": {"n_ctx_train": 8192, "n_ctx": 4096}}, 4096),
        ({"context_length": None, "context_window": 8192}, 8192),
        ({"context_length": 0}, None),
        ({"context_length": True}, None),
        ({"context_length": "8192"}, None),
        ({"meta": 7}, None),
        ({}, None),
    ],
)
def test_context(entry, context):
    assert one(**entry).context == context


@pytest.mark.parametrize(
    ("pricing", "prices"),
    [
        pytest.param({"prompt": "0.0000025", "completion": "0.00001"}, (2.5, 10.0), id="OpenRouter: a token"),
        pytest.param({"input": 0.3, "output": 1.2}, (0.3, 1.2), id="Together: a million"),
        pytest.param({"prompt": "0", "completion": "0"}, (0.0, 0.0), id="free"),
        pytest.param({"prompt": "-1", "completion": "-1"}, (None, None), id="OpenRouter: it depends"),
        pytest.param({"prompt": "x", "completion": ""}, (None, None), id="words"),
        pytest.param({"prompt": "nan", "completion": "inf"}, (None, None), id="no numbers"),
        pytest.param({"prompt": "1e400"}, (None, None), id="too large"),
        pytest.param({"input": math.nan, "output": math.inf}, (None, None), id="no finite numbers"),
        pytest.param({"input": -1, "output": True}, (None, None), id="negative, boolean"),
        pytest.param({"input": 10**400}, (None, None), id="an endless number"),
        pytest.param({}, (None, None), id="empty"),
        pytest.param([], (None, None), id="a list"),
        pytest.param(None, (None, None), id="null"),
    ],
)
def test_prices(pricing, prices):
    model = one(pricing=pricing)
    assert (model.input_price, model.output_price) == prices


NAMES = [
    "data",
    "models",
    "id",
    "name",
    "created",
    "owned_by",
    "context_length",
    "meta",
    "pricing",
    "prompt",
    "input",
]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=100) | (values | st.lists(values)).map(lambda value: json.dumps(value).encode()))
def test_any_body(body):
    try:
        models = read_models(body)
    except LlmctlError:
        return
    json.dumps([model.as_dict() for model in models], allow_nan=False)
    assert [model.id for model in models] == sorted({model.id for model in models} - {""})
