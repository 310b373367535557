"""Errors: of providers, passed on as they are; ours, in the same envelope. Each has the four keys."""

from __future__ import annotations

import json

import pytest

from support.leaks import TEST_KEY
from support.upstream import Reply, refused_url
from support.wire import completion, error_body, text_stream

CONFIG = f"""
[profiles.a]
base_url = "{{a}}"
key = "{TEST_KEY}"
retries = 0
timeout = {{ connect = 1, first_token = 1, idle = 1, total = 0.5 }}

[profiles.b]
base_url = "{{b}}"
retries = 2

[profiles.gone]
base_url = "{refused_url()}/v1"
retries = 0

[profiles.nameless]
base_url = "http://nowhere.invalid/v1"
retries = 0

[profiles.no-key]
base_url = "{{a}}"
key = "env:LLMCTL_TEST_UNSET"
retries = 0

[serve]
drain = 0.3
max_body_mb = 1
"""
KINDS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@KINDS
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529])
def test_status_and_body_of_the_provider_are_kept(stage, status, stream):
    body = (
        json.dumps(error_body(f"status {status}", "some_type", "some_code", "some.param"))
        .replace(":", " : ")
        .encode()
    )
    reply = Reply(status, {"Content-Type": "application/json", "x-request-id": "req_9"}, body)
    stage.a.script(reply, reply)  # a 404 is looked for at the other form of the address as well
    answer = stage.gateway.chat(f"a/kept-{status}-{stream}", stream=stream)
    assert (answer.status, answer.body) == (status, body)
    assert answer.headers["x-request-id"] == "req_9"
    assert answer.headers["x-llmctl-profile"] == "a"
    assert ("x-should-retry" in answer.headers) == (status in (408, 409, 429) or status >= 500)


@KINDS
def test_429_keeps_its_headers(stage, stream):
    told = {
        "Retry-After": "120",
        "Retry-After-Ms": "120000",
        "x-ratelimit-reset-requests": "2m",
        "x-should-retry": "true",
    }
    stage.a.script(Reply(429, told, error_body("slow down", "rate_limit_error")))
    answer = stage.gateway.chat(f"a/limited-{stream}", stream=stream)
    assert answer.status == 429
    assert answer.headers["retry-after"] == "120"
    assert answer.headers["retry-after-ms"] == "120000"
    assert answer.headers["x-ratelimit-reset-requests"] == "2m"
    assert answer.headers["x-should-retry"] == "false"


def test_retries_as_the_profile_says(stage):
    stage.b.script(Reply(500), Reply(429, {"Retry-After-Ms": "10"}), Reply(body=completion("fine")))
    answer = stage.gateway.chat("b/retried")
    assert (answer.text, answer.headers["x-llmctl-attempts"]) == ("fine", "3")
    assert len({request.body for request in stage.b.requests}) == 1


@pytest.mark.parametrize("seconds", ["30", "3600"])
def test_a_wait_that_is_too_long_is_the_clients(stage, seconds):
    """It is told how long, and not told to give up."""
    stage.b.script(Reply(429, {"Retry-After": seconds}, error_body("tomorrow", "rate_limit_error")))
    answer = stage.gateway.chat(f"b/tomorrow-{seconds}")
    assert (answer.status, answer.headers["retry-after"]) == (429, seconds)
    assert "x-should-retry" not in answer.headers
    assert len(stage.b.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_what_will_not_pass_is_not_tried_again(stage, status):
    stage.b.script(Reply(status, body=error_body("no")))
    assert stage.gateway.chat(f"b/once-{status}").status == status
    assert len(stage.b.requests) == 1


SHAPES = {
    "error is a string": ({"error": "model overloaded"}, "model overloaded"),
    "message alone": ({"message": "model overloaded"}, "model overloaded"),
    "detail": ({"detail": "model overloaded"}, "model overloaded"),
    "detail of a schema": (
        {"detail": [{"loc": ["body", "n"], "msg": "n is too large", "type": "v"}]},
        "n is too large",
    ),
    "vLLM": (
        {"object": "error", "message": "too long", "type": "BadRequestError", "param": None, "code": 400},
        "too long",
    ),
    "number as code": ({"error": {"message": "too long", "type": "x", "code": 400}}, "too long"),
    "Google": (
        [{"error": {"code": 400, "message": "bad argument", "status": "INVALID_ARGUMENT"}}],
        "bad argument",
    ),
    "errors": ({"errors": [{"message": "bad argument", "code": 7}], "success": False}, "bad argument"),
    "null": ({"error": None, "message": "oops"}, "oops"),
}


@pytest.mark.parametrize(("body", "says"), SHAPES.values(), ids=SHAPES)
def test_bodies_of_other_shapes_get_the_envelope(stage, body, says):
    stage.a.script(Reply(400, body=body))
    answer = stage.gateway.chat("a/shapes")
    assert answer.status == 400
    assert says in answer.error["message"]
    code = answer.error["code"]
    assert code is None or isinstance(code, str)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", "<html><head><title>502 Bad Gateway</title></head><body><h1>502</h1>nginx</body></html>"),
        ("text/plain", "upstream connect error"),
        ("application/json", ""),
        ("application/json", "{broken"),
        ("application/json", b"\xff\xfe"),
        ("application/json", "null"),
        ("application/json", "[" * 5000),
    ],
    ids=["HTML", "text", "empty", "broken", "no UTF-8", "null", "deep"],
)
@pytest.mark.parametrize("status", [502, 404])
def test_errors_that_are_no_json(stage, status, kind, body):
    reply = Reply(status, {"Content-Type": kind}, body)
    stage.a.script(reply, reply)
    answer = stage.gateway.chat("a/no-json")
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"
    assert "<" not in answer.error["message"]


def test_further_fields_of_an_error_stay(stage):
    inner = {"message": "no", "type": "t", "code": 422, "metadata": {"raw": [1]}}
    stage.a.script(Reply(422, body={"error": inner, "request_id": "r"}))
    found = stage.gateway.chat("a/fields").json()
    assert found["error"]["metadata"] == {"raw": [1]}
    assert found["request_id"] == "r"


@KINDS
@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"message": "no such model", "type": "x", "code": 404}, 404),
        ({"message": "slow down", "type": "rate_limit_error", "code": "rate_limit_exceeded"}, 429),
        ({"message": "oops"}, 502),
        ("oops", 502),
    ],
    ids=["404", "429", "message", "text"],
)
def test_an_error_with_status_200_is_an_error(stage, error, status, stream):
    reply = Reply(200, body={"error": error})
    stage.a.script(reply, reply)
    answer = stage.gateway.chat("a/fine-error", stream=stream)
    assert answer.status == status
    assert answer.error["message"]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b"42", b'"text"', b"{broken", b"<html>hi</html>", b"\xff"]
)
def test_a_200_that_is_no_answer(stage, body):
    stage.a.script(Reply(200, {"Content-Type": "application/json"}, body))
    answer = stage.gateway.chat("a/no-answer")
    assert answer.status == 502
    assert answer.error["type"] == "server_error"


@KINDS
def test_nobody_listens(stage, stream):
    answer = stage.gateway.chat("gone/m", stream=stream)
    assert answer.status == 502
    assert answer.error["message"].startswith("gone: ")


def test_no_such_host(stage):
    assert stage.gateway.chat("nameless/m").status == 502


def test_a_whole_answer_that_takes_too_long(stage):
    stage.a.script(Reply.hang())
    answer = stage.gateway.chat("a/slow")
    assert answer.status == 504
    assert "timeout.total" in answer.error["message"]
    stage.a.wait_closed(stage.a.last.connection)


def test_a_whole_answer_that_breaks_off(stage):
    stage.a.script(Reply(200, {"Content-Type": "application/json"}, b'{"id": ', content_length=100, close=True))
    assert stage.gateway.chat("a/half").status == 502


def test_a_key_that_is_missing_here_is_told(stage):
    answer = stage.gateway.chat("no-key/m")
    assert answer.status in (401, 500, 503)
    assert "LLMCTL_TEST_UNSET" in answer.error["message"]
    assert stage.a.requests == []


@KINDS
def test_the_providers_key_is_never_repeated(stage, stream):
    """Some providers say which key they refuse; their 401 goes to the client."""
    stage.a.script(Reply(401, {"x-key": TEST_KEY}, error_body(f"Incorrect API key provided: {TEST_KEY}.")))
    answer = stage.gateway.chat(f"a/told-{stream}", stream=stream)
    assert answer.status == 401
    assert TEST_KEY not in answer.body.decode()
    assert TEST_KEY not in str(answer.headers)


# what clients do wrong


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"{", "JSON"),
        (b"[]", "object"),
        (b'"x"', "object"),
        (b"\xff", "JSON"),
        (b"[" * 20000, ""),
        (b'{"model": "a/m"} trailing', "JSON"),
        (b"{}", "model is missing"),
        (b'{"model": null}', "model is missing"),
        (b'{"model": ""}', "model is missing"),
        (b'{"model": 1}', "string"),
        (b'{"model": "\xff"}', ""),
    ],
)
@pytest.mark.parametrize("door", ["chat/completions", "completions", "embeddings"])
def test_bodies_that_are_wrong(stage, door, body, says):
    answer = stage.gateway.ask("POST", f"/v1/{door}", body)
    assert answer.status == 400
    assert says in answer.error["message"]
    assert stage.a.requests == []


@pytest.mark.parametrize("door", ["chat/completions", "completions"])
def test_a_field_that_is_looked_at_and_is_no_utf_8(stage, door):
    body = b'{"model": "a/m", "stream_options": "\xff", "stream": true}'
    assert stage.gateway.ask("POST", f"/v1/{door}", body).status == 400


def test_a_body_that_is_too_large(stage):
    answer = stage.gateway.chat("a/too-large", "x" * (1024 * 1024 + 1))
    assert answer.status == 413
    assert "max_body_mb" in answer.error["message"]


def test_a_chunked_body_that_is_too_large(stage):
    with stage.gateway.client() as client:
        client.raw(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.raw(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        for _ in range(16):
            client.raw(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        assert client.answer().status == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/v1/chat/completions", 405),
        ("DELETE", "/v1/models", 400),
        ("POST", "/healthz", 405),
        ("GET", "/v1/../healthz", 400),
        ("GET", "/v1/files/%2e%2e/x", 400),
        ("POST", "/nothing", 404),
    ],
)
def test_paths_and_methods_that_are_not_there(stage, method, path, status):
    answer = stage.gateway.ask(method, path, b"" if method == "POST" else None)
    assert answer.status == status
    assert answer.error["type"] == "invalid_request_error"


def test_the_next_request_is_fine(stage):
    stage.a.script(Reply.sse(*text_stream("fine")))
    assert stage.gateway.stream("a/next").text == "fine"


# who tries again


LIMITED = Reply(429, {"Retry-After-Ms": "10"}, error_body("slow down", "rate_limit_error"))


@KINDS
def test_a_limited_target_is_asked_once_more_and_that_is_all(stage, stream):
    """Clients try again too: what both do multiplies."""
    stage.b.default = LIMITED
    answer = stage.gateway.chat(f"b/limited-for-good-{stream}", stream=stream)
    assert (answer.status, answer.headers["x-should-retry"]) == (429, "false")
    assert len(stage.b.requests) == 2


def test_a_client_that_tries_again_itself_is_told_at_once(stage):
    stage.b.default = LIMITED
    answer = stage.gateway.chat("b/limited-for-sdks", headers={"x-stainless-retry-count": "0"})
    assert (answer.status, answer.headers["retry-after-ms"]) == (429, "10")
    assert "x-should-retry" not in answer.headers
    assert len(stage.b.requests) == 1


def test_other_failures_are_tried_again_for_every_client(stage):
    stage.b.script(Reply(500), LIMITED, Reply(body=completion("fine")))
    answer = stage.gateway.chat("b/busy-once")
    assert (answer.text, len(stage.b.requests)) == ("fine", 3)
    stage.b.script(Reply(500), Reply(body=completion("fine")))
    assert stage.gateway.chat("b/broken-once", headers={"x-stainless-retry-count": "0"}).text == "fine"
