"""The models that fail on purpose."""

from __future__ import annotations

import http.client
import json

import pytest

ENDPOINTS = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
    "/v1/completions": {"prompt": "hi"},
    "/v1/embeddings": {"input": "hi"},
    "/v1/images/generations": {"prompt": "hi"},
}
STREAMING = ["/v1/chat/completions", "/v1/completions"]
each_endpoint = pytest.mark.parametrize("path", ENDPOINTS)


@each_endpoint
def test_429(call, path):
    got = call("POST", path, {"model": "demo-429", **ENDPOINTS[path]})
    assert (got.status, got.json["error"]["code"]) == (429, "rate_limit_exceeded")
    assert (got.headers["retry-after"], got.headers["retry-after-ms"]) == ("1", "1000")


@each_endpoint
def test_500(call, path):
    got = call("POST", path, {"model": "demo-500", **ENDPOINTS[path]})
    assert (got.status, got.json["error"]["type"]) == (500, "server_error")


@each_endpoint
def test_garbage(call, path):
    got = call("POST", path, {"model": "demo-garbage", **ENDPOINTS[path]})
    assert (got.status, got.headers["content-type"]) == (200, "text/html")
    with pytest.raises(json.JSONDecodeError):
        _ = got.json


@pytest.mark.parametrize("path", STREAMING)
def test_garbage_in_a_stream(call, path):
    got = call("POST", path, {"model": "demo-garbage", "stream": True, **ENDPOINTS[path]})
    assert got.status == 200
    with pytest.raises(json.JSONDecodeError):
        _ = got.events


@each_endpoint
def test_cut(call, path):
    with pytest.raises(http.client.IncompleteRead) as caught:
        call("POST", path, {"model": "demo-cut", **ENDPOINTS[path]})
    assert caught.value.partial.startswith(b"{")


@pytest.mark.parametrize("path", STREAMING)
@pytest.mark.parametrize("more", [{}, {"n": 2}, {"max_tokens": 1}])
def test_cut_in_a_stream(call, path, more):
    with pytest.raises(http.client.IncompleteRead) as caught:
        call("POST", path, {"model": "demo-cut", "stream": True, **ENDPOINTS[path], **more})
    partial = caught.value.partial
    assert partial.startswith(b"data: {")
    assert b"[DONE]" not in partial
    assert b'"stop"' not in partial
    assert b'"length"' not in partial


@each_endpoint
def test_slow_is_good_apart_from_that(call, path):
    slow, quick = (call("POST", path, {"model": m, **ENDPOINTS[path]}) for m in ("demo-slow", "demo"))
    assert slow.status == quick.status == 200
    assert slow.json.keys() == quick.json.keys()


def test_faults_come_after_checks(chat):
    assert chat("hi", model="demo-500", temperature=3).status == 400
