"""What is refused, with which status, and that every refusal has OpenAI's envelope."""

from __future__ import annotations

import pytest

MISSING = "missing_required_parameter"
USER = {"role": "user", "content": "hi"}
TOOL = {"type": "function", "function": {"name": "f"}}
CALLING = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
SAID = {"role": "tool", "tool_call_id": "c1", "content": "x"}


def refused(got, status, param=None, code=None):
    error = got.json["error"]
    assert got.status == status
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["message"]
    assert (error["param"], error["code"]) == (param, code)
    assert got.headers["x-request-id"]
    return error


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("temperature", 2.1, "decimal_above_max_value"),
        ("temperature", -1, "decimal_below_min_value"),
        ("temperature", "1", "invalid_type"),
        ("temperature", True, "invalid_type"),
        ("top_p", 1.5, "decimal_above_max_value"),
        ("presence_penalty", -3, "decimal_below_min_value"),
        ("frequency_penalty", 3, "decimal_above_max_value"),
        ("n", 0, "integer_below_min_value"),
        ("n", 9, "integer_above_max_value"),
        ("n", 1.5, "invalid_type"),
        ("max_tokens", 0, "integer_below_min_value"),
        ("seed", "1", "invalid_type"),
        ("stop", ["a"] * 5, "array_above_max_length"),
        ("stop", 1, "invalid_type"),
        ("stream", "yes", "invalid_type"),
        ("user", 1, "invalid_type"),
        ("metadata", [], "invalid_type"),
        ("service_tier", "best", "invalid_value"),
        ("reasoning_effort", "huge", "invalid_value"),
        ("modalities", ["text", "audio"], "unsupported_value"),
        ("tools", [], "empty_array"),
        ("tools", {}, "invalid_type"),
        ("top_logprobs", 2, "invalid_value"),
        ("stream_options", {"include_usage": True}, "invalid_value"),
        ("tool_choice", "auto", "invalid_value"),
        ("parallel_tool_calls", True, "invalid_value"),
        ("function_call", "auto", "invalid_value"),
        ("nonsense", 1, "unknown_parameter"),
    ],
)
def test_top_level_fields(chat, field, value, code):
    refused(chat("hi", **{field: value}), 400, field, code)


@pytest.mark.parametrize(
    ("more", "param", "code"),
    [
        ({"stop": ["a", 1]}, "stop[1]", "invalid_type"),
        ({"stream": True, "stream_options": {"x": 1}}, "stream_options.x", "unknown_parameter"),
        ({"response_format": {}}, "response_format.type", MISSING),
        ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "invalid_type"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
            "response_format.json_schema.name",
            MISSING,
        ),
        ({"tools": [{"type": "web"}]}, "tools[0].type", "invalid_value"),
        ({"tools": [{"type": "function"}]}, "tools[0].function", MISSING),
        (
            {"tools": [{"type": "function", "function": {"name": "a b"}}]},
            "tools[0].function.name",
            "invalid_value",
        ),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
            "tool_choice",
            None,
        ),
        ({"tools": [TOOL], "tool_choice": "maybe"}, "tool_choice", "invalid_value"),
        ({"tools": [TOOL], "tool_choice": {"type": "function"}}, "tool_choice.function", "invalid_type"),
        (
            {
                "tools": [TOOL],
                "tool_choice": {"type": "allowed_tools", "allowed_tools": {"tools": [{"type": []}]}},
            },
            "tool_choice.allowed_tools.tools[0].type",
            "invalid_type",
        ),
        ({"functions": [{"name": "f"}], "function_call": {"name": "g"}}, "function_call", None),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens", "invalid_parameter_combination"),
    ],
)
def test_nested_fields(chat, more, param, code):
    refused(chat("hi", **more), 400, param, code)


def test_unknown_parameter_in_openais_words(chat):
    error = refused(chat("hi", foo=1), 400, "foo", "unknown_parameter")
    assert error["message"] == "Unrecognized request argument supplied: foo"
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("messages", "param", "code"),
    [
        ([], "messages", "empty_array"),
        ({}, "messages", "invalid_type"),
        (["hi"], "messages[0]", "invalid_type"),
        ([{"content": "hi"}], "messages[0].role", MISSING),
        ([{"role": "robot", "content": "hi"}], "messages[0].role", "invalid_value"),
        ([{"role": "user"}], "messages[0].content", "invalid_type"),
        ([{"role": "user", "content": 1}], "messages[0].content", "invalid_type"),
        ([{"role": "user", "content": []}], "messages[0].content", "empty_array"),
        ([{"role": "user", "content": [{"text": "x"}]}], "messages[0].content[0].type", MISSING),
        ([{"role": "user", "content": [{"type": "smell"}]}], "messages[0].content[0].type", "invalid_value"),
        ([{"role": "user", "content": [{"type": "text"}]}], "messages[0].content[0].text", MISSING),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}],
            "messages[0].content[0].image_url",
            "invalid_type",
        ),
        ([USER, {"role": "assistant", "content": None}], "messages[1].content", "invalid_type"),
        ([USER, {"role": "tool", "content": "x"}], "messages[1].tool_call_id", MISSING),
        ([USER, SAID], "messages[1].role", None),
        ([USER, CALLING, {**SAID, "tool_call_id": "c2"}], "messages[2].role", None),
        ([USER, CALLING, SAID, SAID], "messages[3].role", None),
        ([USER, CALLING, USER], "messages[2]", None),
        ([USER, CALLING], "messages[1]", None),
        ([USER, {**CALLING, "tool_calls": [{"id": "c1"}]}], "messages[1].tool_calls[0].type", MISSING),
    ],
)
def test_messages(chat, messages, param, code):
    body = {"model": "demo", "messages": messages}
    refused(chat(messages) if isinstance(messages, list) else chat("x", **body), 400, param, code)


def test_null_stands_for_not_given(chat):
    assert chat("hi", temperature=None, tools=None, stream_options=None, n=None).status == 200


@pytest.mark.parametrize("missing", ["model", "messages"])
def test_missing_fields(call, missing):
    body = {"model": "demo", "messages": [USER]}
    del body[missing]
    refused(call("POST", "/v1/chat/completions", body), 400, missing, MISSING)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b"\xff",
        b'{"temperature": NaN}',
        b'{"temperature": 1e999}',
        b'{"n":' + b"9" * 5000 + b"}",
    ],
)
def test_body_that_is_no_json(call, body):
    refused(call("POST", "/v1/chat/completions", body), 400)


def test_body_that_is_no_object(call):
    refused(call("POST", "/v1/chat/completions", [1]), 400)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": [USER]}),
        ("/v1/completions", {"prompt": "x"}),
        ("/v1/embeddings", {"input": "x"}),
        ("/v1/images/generations", {"prompt": "x"}),
    ],
)
def test_models(call, path, body):
    refused(call("POST", path, {**body, "model": "gpt-4o"}), 404, "model", "model_not_found")
    unable = "demo-image" if "images" not in path else "demo-embed"
    refused(call("POST", path, {**body, "model": unable}), 404, "model", "model_not_found")
    refused(call("POST", path, {**body, "model": "demo", "extra": 1}), 400, "extra", "unknown_parameter")


def test_unknown_urls_and_methods(call):
    refused(call("GET", "/v1/nothing"), 404, None, "unknown_url")
    refused(call("GET", "/v1/models/nothing"), 404, "model", "model_not_found")
    got = call("GET", "/v1/chat/completions")
    refused(got, 405, None, "method_not_supported")
    assert got.headers["allow"] == "POST"
    refused(call("DELETE", "/v1/models"), 405, None, "method_not_supported")
    refused(call("BREW", "/v1/models"), 501)


@pytest.mark.parametrize("key", ["bad-key", "wrong"])
def test_refused_keys(call, key):
    error = refused(call("GET", "/v1/models", Authorization=f"Bearer {key}"), 401, None, "invalid_api_key")
    assert key not in error["message"]
    refused(call("GET", "/v1/models", api_key=key), 401, None, "invalid_api_key")


def test_any_other_key_will_do(call):
    assert call("GET", "/v1/models", Authorization="Bearer sk-x").status == 200
    assert call("GET", "/v1/models").status == 200
