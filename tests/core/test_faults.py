"""Error replies, from status and body to the class of error, in every envelope."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.core.faults import error_from_reply, error_in_body, read_fault, request_id
from llmctl.errors import (
    ContextTooLong,
    Forbidden,
    KeyRejected,
    LlmctlError,
    NotFound,
    Overloaded,
    ProviderFault,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    TooLarge,
)
from support import wire

JSON = Any


def reply(status: int, body: JSON = b"", **headers: str) -> LlmctlError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return error_from_reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, data)


# ---- Envelopes -----------------------------------------------------------------------------------

ENVELOPES = [
    pytest.param(
        wire.error_body("Unknown parameter: 'x'.", code="unknown_parameter", param="x"),
        "Unknown parameter: 'x'.",
        ("unknown_parameter", "invalid_request_error"),
        None,
        id="OpenAI",
    ),
    pytest.param({"error": "model is required"}, "model is required", (), None, id="Ollama: a bare string"),
    pytest.param(
        {"error": {"code": 400, "message": "No body", "type": "invalid_request_error"}},
        "No body",
        ("invalid_request_error",),
        400,
        id="llama.cpp: code is a number",
    ),
    pytest.param(
        {
            "error": {
                "message": "Provider returned error",
                "code": 429,
                "metadata": {"raw": "cause", "provider_name": "X"},
            },
            "user_id": "u",
        },
        "Provider returned error: cause",
        (),
        429,
        id="OpenRouter: the cause in metadata.raw",
    ),
    pytest.param(
        {"error": {"message": "x", "code": 402, "metadata": {"error_type": "Insufficient_Quota"}}},
        "x",
        ("insufficient_quota",),
        402,
        id="OpenRouter: metadata.error_type",
    ),
    pytest.param({"error": {"message": "x", "metadata": {"raw": 7}}}, "x", (), None, id="metadata.raw a number"),
    pytest.param({"detail": "Not Found"}, "Not Found", (), None, id="FastAPI: detail"),
    pytest.param(
        {
            "detail": [
                {"loc": ["body", "messages", 0], "msg": "field required", "type": "value_error"},
                {"msg": "bad"},
                "odd",
            ]
        },
        "body.messages.0: field required; bad; odd",
        (),
        None,
        id="FastAPI, Mistral: detail a list",
    ),
    pytest.param(
        {
            "object": "error",
            "message": {"detail": [{"msg": "Extra inputs", "loc": ["body", "x"]}]},
            "code": "3051",
        },
        "body.x: Extra inputs",
        ("3051",),
        None,
        id="Mistral: detail inside message",
    ),
    pytest.param(
        {"object": "error", "message": "too long", "type": "BadRequestError", "param": None, "code": 400},
        "too long",
        ("badrequesterror",),
        400,
        id="vLLM of old: flat",
    ),
    pytest.param(
        [{"error": {"code": 400, "message": "API key not valid", "status": "INVALID_ARGUMENT"}}],
        "API key not valid",
        ("invalid_argument",),
        400,
        id="Gemini: in a list",
    ),
    pytest.param(
        {"error": {"code": 400, "message": "x", "status": "S", "details": [{"reason": "API_KEY_INVALID"}, 7]}},
        "x",
        ("api_key_invalid", "s"),
        400,
        id="Gemini: the reason in details",
    ),
    pytest.param(
        {
            "error": {
                "message": "filtered",
                "code": "content_filter",
                "status": 400,
                "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {}},
            }
        },
        "filtered",
        ("responsibleaipolicyviolation", "content_filter"),
        400,
        id="Azure: inner error",
    ),
    pytest.param(
        {"statusCode": 401, "message": "Access denied"}, "Access denied", (), None, id="Azure APIM: flat message"
    ),
    pytest.param({"type": "error", "error": {"type": "x", "message": "y"}}, "y", ("x",), None, id="Anthropic"),
    pytest.param({"error": {"msg": "x"}}, "x", (), None, id="msg"),
    pytest.param({"title": "Bad Request", "status": 400}, "Bad Request", (), 400, id="problem details"),
    pytest.param(
        {"error": "access_denied", "code": "X"}, "access_denied", ("x",), None, id="string beside a code"
    ),
    pytest.param({"error": ["a", "b"]}, "a; b", (), None, id="error a list"),
    pytest.param({"error": {"message": {"x": 1}}}, '{"x": 1}', (), None, id="message an object of nothing known"),
    pytest.param({"error": {}}, "", (), None, id="error empty"),
    pytest.param({"error": None}, "", (), None, id="error null"),
    pytest.param({}, "", (), None, id="empty object"),
    pytest.param([], "", (), None, id="empty list"),
    pytest.param([[], 7, {"error": "x"}], "x", (), None, id="list of nonsense before it"),
    pytest.param("a JSON string", "a JSON string", (), None, id="JSON string"),
    pytest.param(7, "", (), None, id="JSON number"),
    pytest.param({"error": {"message": "a\n  b\tc"}}, "a b c", (), None, id="line breaks in the message"),
    pytest.param({"error": {"message": "x", "code": True, "status": 20}}, "x", (), None, id="odd codes"),
    pytest.param({"error": {"message": "x", "code": "200"}}, "x", ("200",), None, id="a code that is no error's"),
    pytest.param({"error": {"message": "x", "code": 5}}, "x", (), None, id="a code of its own kind"),
]


@pytest.mark.parametrize(("body", "message", "codes", "status"), ENVELOPES)
def test_envelope(body, message, codes, status):
    for received in (body, json.dumps(body).encode()):
        fault = read_fault(received)
        assert (fault.message, fault.codes, fault.status) == (message, codes, status)
        assert fault.structured


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "", id="empty"),
        pytest.param(b" \n ", "", id="blank"),
        pytest.param(b"upstream connect error", "'upstream connect error'", id="plain text"),
        pytest.param(b"a\nb\n\n c", "'a b c'", id="plain text of several lines"),
        pytest.param(
            b"<html><head><title>502 Bad Gateway</title></head>",
            "a web page instead of JSON (502 Bad Gateway)",
            id="HTML of a proxy",
        ),
        pytest.param(
            b"\n<!DOCTYPE html><TITLE lang=en>\n Attention! \n</TITLE>",
            "a web page instead of JSON (Attention!)",
            id="HTML, capitals, attributes, line breaks",
        ),
        pytest.param(b"<html><title></title>", "a web page instead of JSON", id="HTML with an empty title"),
        pytest.param(b"<html><title", "a web page instead of JSON", id="HTML cut off"),
        pytest.param(b"\xff\xfe\xfd", "'���'", id="bytes that are no text"),
    ],
)
def test_bodies_that_are_no_json(body, message):
    fault = read_fault(body)
    assert (fault.message, fault.codes, fault.status, fault.structured) == (message, (), None, False)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"x" * 100_000, id="plain text"),
        pytest.param(json.dumps({"error": {"message": "x" * 100_000}}).encode(), id="envelope"),
        pytest.param(json.dumps({"error": "x" * 100_000}).encode(), id="a bare string"),
        pytest.param(json.dumps({"detail": [{"msg": "x" * 100_000}]}).encode(), id="detail"),
        pytest.param(json.dumps("x" * 100_000).encode(), id="JSON string"),
        pytest.param(b"<html><title>" + b"x" * 60_000 + b"</title>", id="title of an HTML page"),
    ],
)
def test_long_messages_are_cut(body):
    assert len(read_fault(body).message) < 2100


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the provider answered 500 without a word"),
        (b"{}", "the provider answered 500 without a word"),
        (b"no upstream", "the provider answered 500 with 'no upstream'"),
        (b"<title>Oops</title>", "the provider answered 500 with a web page instead of JSON (Oops)"),
        (b'{"error": "oops"}', "oops"),
    ],
)
def test_the_sentence_of_an_error(body, message):
    assert reply(500, body).message == message


def test_detail_beside_choices_is_no_error():
    assert error_in_body({"detail": "x", "choices": []}) is None
    assert error_in_body({"detail": "x", "data": []}) is None


@pytest.mark.parametrize(
    "payload", [{}, [], None, 7, "x", {"error": None}, {"error": {}}, {"error": ""}, [{}], [1]]
)
def test_what_is_no_error(payload):
    assert error_in_body(payload) is None


# ---- Classes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "exit_code", "retryable"),
    [
        (400, RequestRefused, 5, False),
        (401, KeyRejected, 4, False),
        (402, QuotaExhausted, 6, False),
        (403, Forbidden, 4, False),
        (404, NotFound, 5, False),
        (405, RequestRefused, 5, False),
        (408, ProviderFault, 7, True),
        (409, RequestRefused, 5, False),
        (413, TooLarge, 5, False),
        (415, RequestRefused, 5, False),
        (418, RequestRefused, 5, False),
        (422, RequestRefused, 5, False),
        (429, RateLimited, 6, True),
        (498, Overloaded, 7, True),
        (499, ProviderFault, 7, True),
        (500, ProviderFault, 7, True),
        (502, ProviderFault, 7, True),
        (503, Overloaded, 7, True),
        (504, ProviderFault, 7, True),
        (520, ProviderFault, 7, True),
        (526, ProviderFault, 7, True),
        (529, Overloaded, 7, True),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", wire.error_body("x")], ids=["empty", "html", "envelope"])
def test_status(status, kind, exit_code, retryable, body):
    error = reply(status, body)
    assert type(error) is kind
    assert (error.exit_code, error.retryable, error.status) == (exit_code, retryable, status)
    assert error.message


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        pytest.param(
            400, wire.error_body("x", code="context_length_exceeded"), ContextTooLong, id="context at OpenAI"
        ),
        pytest.param(
            400, {"error": {"code": 400, "type": "exceed_context_size_error"}}, ContextTooLong, id="at llama.cpp"
        ),
        pytest.param(413, wire.error_body("x", code="context_length_exceeded"), ContextTooLong, id="context, 413"),
        pytest.param(429, wire.error_body("x", type="tokens", code="rate_limit_exceeded"), RateLimited, id="rate"),
        pytest.param(429, wire.error_body("x", type="insufficient_quota"), QuotaExhausted, id="quota is no rate"),
        pytest.param(429, wire.error_body("x", code="insufficient_quota"), QuotaExhausted, id="quota by its code"),
        pytest.param(403, wire.error_body("x", code="billing_not_active"), QuotaExhausted, id="billing, 403"),
        pytest.param(
            400, [{"error": {"code": 400, "details": [{"reason": "API_KEY_INVALID"}]}}], KeyRejected, id="key, 400"
        ),
        pytest.param(404, wire.error_body("x", code="model_not_found"), NotFound, id="model"),
        pytest.param(400, wire.error_body("x", code="model_not_found"), NotFound, id="model, 400"),
        pytest.param(503, wire.error_body("x", code="model_not_found"), NotFound, id="model, 503"),
        pytest.param(400, wire.error_body("x", code="content_filter"), RequestRefused, id="content filter"),
        pytest.param(401, wire.error_body("x", code="model_not_found"), KeyRejected, id="401 is always the key"),
        pytest.param(502, wire.error_body("x", code="model_not_found"), ProviderFault, id="502 is the gateway's"),
        pytest.param(500, wire.error_body("x", type="overloaded_error"), Overloaded, id="overloaded, 500"),
        pytest.param(
            400, wire.error_body("Rate limit reached, quota, API key"), RequestRefused, id="words are not read"
        ),
        pytest.param(400, {"error": {"message": "x", "code": 429}}, RequestRefused, id="HTTP's status counts"),
    ],
)
def test_code(status, body, kind):
    assert type(reply(status, body)) is kind


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect(status):
    error = reply(status, b"<html>", location="https://elsewhere.example/v1?key=secret")
    assert isinstance(error, NotFound)
    assert "https://elsewhere.example/v1" in error.message
    assert "secret" not in error.message
    assert "base_url" in (error.hint or "")
    assert reply(status).message


def test_headers_are_read():
    error = reply(429, wire.error_body("x"), retry_after="7", x_request_id="req-1")
    assert (error.retry_after, error.request_id) == (7.0, "req-1")
    assert reply(429).retry_after is None
    assert error.codes == ("invalid_request_error",)


@pytest.mark.parametrize(
    "name",
    ["x-request-id", "request-id", "apim-request-id", "x-ms-request-id", "x-generation-id", "cf-ray"],
)
def test_request_id_by_any_name(name):
    assert request_id({name: "abc", "date": "x"}) == "abc"
    assert request_id({name: ""}) is None


def test_the_providers_own_request_id_comes_first():
    assert request_id({"cf-ray": "b", "x-request-id": "a"}) == "a"
    assert request_id({}) is None


# ---- Anything ------------------------------------------------------------------------------------

NAMES = ["error", "message", "detail", "msg", "loc", "code", "type", "status", "details", "reason", "metadata"]
NAMES += ["raw", "error_type", "innererror", "inner_error", "title", "error_description", "object"]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=15,
)
bodies = st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode())
headers = st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "date", "location"]), st.text())


@given(bodies)
def test_any_body_is_read(body):
    fault = read_fault(body)
    assert isinstance(fault.message, str)
    assert all(code == code.lower() for code in fault.codes)
    assert fault.status is None or 400 <= fault.status < 600


@given(st.integers(300, 999), headers, bodies)
def test_any_reply_becomes_an_error(status, headers, body):
    error = error_from_reply(status, headers, body)
    assert isinstance(error, LlmctlError)
    assert error.exit_code > 1
    assert error.message
    json.dumps(error.as_dict(), allow_nan=False)


@given(values, st.sampled_from(["", "error", "x"]))
def test_any_payload_is_an_error_or_none(payload, event):
    error = error_in_body(payload, event)
    assert error is None or (isinstance(error, LlmctlError) and error.message)


@pytest.mark.parametrize("depth", [100, 320, 450, 600, 800, 900, 2000, 20_000])
@pytest.mark.parametrize("opening", ["[", '{"error":', '{"message":', '{"message":[', '{"detail":[{"msg":'])
def test_deep_nesting(depth, opening):
    closing = "".join({"[": "]", "{": "}"}[letter] for letter in reversed(opening) if letter in "[{")
    for head, tail in (("", ""), ('{"error":', "}")):
        read_fault((head + opening * depth + '"x"' + closing * depth + tail).encode())
