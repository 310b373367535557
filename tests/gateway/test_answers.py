"""Whole answers and what goes up for them: nothing is lost, nothing is added."""

from __future__ import annotations

import json

import pytest

from support.leaks import TEST_KEY
from support.upstream import Raw, Reply
from support.wire import completion, embeddings, error_body, tool_call, usage

CONFIG = f"""
[profiles.a]
base_url = "{{a}}"
key = "{TEST_KEY}"
model = "default-a"
retries = 0
headers = {{ X-Team = "search" }}

[profiles.plain]
base_url = "{{b}}"
retries = 0
quirks = {{ mend = false }}

[profiles.odd]
base_url = "{{c}}"
retries = 0

[profiles.odd.quirks]
drop = ["seed"]
rename = {{ max_tokens = "max_completion_tokens" }}
roles = {{ developer = "system" }}

[serve]
drain = 0.3
"""
FINE = Reply(body=completion("fine", usage=usage()))


def test_body_comes_back_byte_for_byte(stage):
    body = (
        b'{ "id" : "x-1", "choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant",'
        b'"content":"\\u00e9 \xc3\xa9",\n "new": 1.50}}], "extra": {"n": 12345678901234567890, "e": 1e400}}\n'
    )
    stage.a.script(Reply(200, {"Content-Type": "application/json"}, body))
    answer = stage.gateway.chat("a/bytes")
    assert (answer.status, answer.body) == (200, body)
    assert answer.whole


def test_unknown_parameters_go_up_as_they_were_written(stage):
    stage.a.script(FINE)
    written = (
        b'{"model":"a/params","messages":[{"role":"user","content":"\\u00fc","cache_control":{"type":"x"}}],'
        b'"seed":12345678901234567890,"temperature":0.10,"extra_body":{"b": [1, 2.0,  null]},"top_k":1e2}'
    )
    assert stage.gateway.ask("POST", "/v1/chat/completions", written).status == 200
    sent = stage.a.last.body
    for kept in (b'"seed":12345678901234567890', b'"temperature":0.10', b'{"b": [1, 2.0,  null]}', b'"top_k":1e2'):
        assert kept in sent
    assert b'[{"role":"user","content":"\\u00fc","cache_control":{"type":"x"}}]' in sent
    assert json.loads(sent)["model"] == "params"
    assert "stream_options" not in json.loads(sent)


def test_the_profiles_key_and_headers_go_up_and_the_clients_key_does_not(stage):
    stage.a.script(FINE)
    headers = {
        "Authorization": "Bearer client-secret",
        "X-Api-Key": "client-secret",
        "Cookie": "client-secret",
        "X-Llmctl-Profile": "a",
        "X-Team": "other",
        "OpenAI-Beta": "assistants=v2",
        "X-Stainless-Lang": "python",
        "User-Agent": "my-program/1",
    }
    assert stage.gateway.chat("a/headers", headers=headers).status == 200
    sent = stage.a.last
    assert sent.headers["authorization"] == f"Bearer {TEST_KEY}"
    assert "client-secret" not in str(sent.raw_headers)
    assert sent.headers["x-team"] == "search"
    assert sent.headers["openai-beta"] == "assistants=v2"
    assert sent.headers["x-stainless-lang"] == "python"
    assert sent.headers["user-agent"] == "my-program/1"
    assert "x-llmctl-profile" not in sent.headers
    assert sent.headers["host"] == f"127.0.0.1:{stage.a.port}"
    assert [name for name, _ in sent.raw_headers].count("content-length") == 1


def test_headers_of_the_provider_are_kept(stage):
    told = {
        "x-request-id": "req_1",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-tokens": "6m0s",
        "openai-processing-ms": "12",
        "openai-organization": "org",
        "Set-Cookie": "session=1",
        "Connection": "keep-alive",
    }
    stage.a.script(Reply(200, told, completion("fine")))
    headers = stage.gateway.chat("a/kept").headers
    for name, value in list(told.items())[:5]:
        assert headers[name] == value
    assert "set-cookie" not in headers
    assert headers["content-type"] == "application/json"


def test_what_the_gateway_did_stands_in_headers(stage):
    stage.a.script(FINE)
    headers = stage.gateway.chat("a/told").headers
    assert (headers["x-llmctl-profile"], headers["x-llmctl-model"]) == ("a", "told")
    assert headers["x-llmctl-attempts"] == "1"
    assert 0 <= float(headers["x-llmctl-overhead-ms"]) < 1000
    assert headers["x-llmctl-id"]


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded", None])
def test_json_is_json_whatever_the_content_type_says(stage, kind):
    stage.a.script(FINE)
    body = json.dumps({"model": "a/kind", "messages": []})
    answer = stage.gateway.ask("POST", "/v1/chat/completions", body, {"Content-Type": kind} if kind else {})
    assert answer.status == 200
    assert stage.a.last.headers["content-type"] == "application/json"


def test_a_chunked_request_is_read(stage):
    stage.a.script(FINE)
    with stage.gateway.client() as client:
        client.raw(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            b'11\r\n{"model":"a/chunk\r\n12\r\ned","messages":[]}\r\n0\r\n\r\n'
        )
        assert client.answer().status == 200
    assert stage.a.last.json()["model"] == "chunked"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {"Content-Type": "application/json"}, json.dumps(completion("fine")), content_length=None),
        Reply.stream([json.dumps(completion("fine"))], headers={"Content-Type": "application/json"}),
        Reply(200, {"Content-Type": "text/plain"}, json.dumps(completion("fine"))),
        Reply(
            200, {"Content-Type": "application/json"}, b"\xef\xbb\xbf" + json.dumps(completion("fine")).encode()
        ),
    ],
    ids=["until close", "chunked", "as text", "BOM"],
)
def test_however_the_provider_frames_it(stage, reply):
    stage.a.script(reply)
    assert stage.gateway.chat("a/framed").text == "fine"


def test_gzip_that_nobody_asked_for(stage):
    import gzip

    body = gzip.compress(json.dumps(completion("fine")).encode())
    stage.a.script(Reply(200, {"Content-Encoding": "gzip", "Content-Type": "application/json"}, body))
    answer = stage.gateway.chat("a/gzip", headers={"Accept-Encoding": "gzip"})
    assert stage.a.last.headers["accept-encoding"] == "identity"
    assert "content-encoding" not in answer.headers
    assert answer.text == "fine"


def test_interim_replies_are_passed_over(stage):
    body = json.dumps(completion("fine")).encode()
    head = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    stage.a.script(Reply.raw(head + b"Content-Length: %d\r\n\r\n" % len(body) + body))
    assert stage.gateway.chat("a/interim").text == "fine"


def test_ten_megabytes_up(stage):
    stage.a.script(FINE)
    text = "0123456789abcdef" * (10 * 1024 * 1024 // 16)
    assert stage.gateway.chat("a/large", text).status == 200
    assert stage.a.last.json()["messages"][0]["content"] == text


def test_fifty_megabytes_down(stage):
    picture = "A" * (50 * 1024 * 1024)
    body = json.dumps({"created": 1, "data": [{"b64_json": picture}]}).encode()
    stage.a.script(Reply(200, {"Content-Type": "application/json"}, body))
    answer = stage.gateway.ask("POST", "/v1/images/generations", {"model": "a/images", "prompt": "x"})
    assert answer.whole
    assert answer.body == body


def test_a_large_chat_answer(stage):
    body = json.dumps(completion("x" * (20 * 1024 * 1024))).encode()
    stage.a.script(Reply(200, {"Content-Type": "application/json"}, body))
    answer = stage.gateway.chat("a/longest")
    assert answer.whole
    assert answer.body == body


@pytest.mark.parametrize(
    ("door", "body", "given"),
    [
        ("embeddings", {"input": [[1, 2]], "encoding_format": "base64"}, embeddings("AACAPw==")),
        ("embeddings", {"input": "x"}, embeddings([0.5, 1.0])),
        (
            "completions",
            {"prompt": "x", "suffix": "y"},
            {
                "id": "cmpl-1",
                "object": "text_completion",
                "choices": [{"text": "z", "index": 0, "finish_reason": "stop"}],
            },
        ),
    ],
)
def test_embeddings_and_completions(stage, door, body, given):
    raw = json.dumps(given).encode()
    stage.a.script(Reply(200, {"Content-Type": "application/json"}, raw))
    answer = stage.gateway.ask("POST", f"/v1/{door}", {"model": "a/other", **body})
    assert answer.body == raw
    assert stage.a.last.path == f"/v1/{door}"
    assert stage.a.last.json() == {"model": "other", **body}


def test_the_query_goes_along(stage):
    stage.a.script(FINE)
    body = {"model": "a/query", "messages": []}
    assert stage.gateway.ask("POST", "/v1/chat/completions?api-version=1&x=%2F", body).status == 200
    assert stage.a.last.target == "/v1/chat/completions?api-version=1&x=%2F"


# quirks and repairs


def test_quirks_of_the_profile_fit_the_request(stage):
    stage.c.script(FINE)
    messages = [{"role": "developer", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    body = {"model": "odd/m", "messages": messages, "seed": 1, "max_tokens": 5, "unknown": True}
    assert stage.gateway.ask("POST", "/v1/chat/completions", body).status == 200
    sent = stage.c.last.json()
    assert sent["messages"][0] == {"role": "system", "content": "Be kind."}
    assert sent["max_completion_tokens"] == 5
    assert sent["unknown"] is True
    assert not sent.keys() & {"seed", "max_tokens"}


@pytest.mark.parametrize("given", [None, ""])
def test_a_missing_id_is_made(stage, given):
    stage.a.script(Reply(body={**completion("fine"), "id": given, "extra": [1]}))
    found = stage.gateway.chat("a/no-id").json()
    assert found["id"].startswith("chatcmpl-")
    assert found == {**completion("fine"), "id": found["id"], "extra": [1]}


def test_tool_calls_are_mended(stage):
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": {"city": "Köln"}}}
    stage.a.script(Reply(body=completion(None, "stop", tool_calls=[call])))
    choice = stage.gateway.chat("a/tools").json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"]) == {"city": "Köln"}


def test_good_tool_calls_keep_their_bytes(stage):
    body = json.dumps(completion(None, "tool_calls", tool_calls=[tool_call("f", '{"a":  1}')]), indent=1).encode()
    stage.a.script(Reply(200, {"Content-Type": "application/json"}, body))
    assert stage.gateway.chat("a/good-tools").body == body


def test_nothing_is_mended_where_the_quirks_say_so(stage):
    body = json.dumps({**completion("x", "stop", tool_calls=[tool_call("f")]), "id": None}).encode()
    stage.b.script(Reply(200, {"Content-Type": "application/json"}, body))
    assert stage.gateway.chat("plain/m").body == body


# connections


def test_connections_are_kept(stage):
    before = stage.a.connections
    stage.a.script(FINE, FINE, FINE)
    with stage.gateway.client() as client:
        for _ in range(3):
            answer = client.ask("POST", "/v1/chat/completions", {"model": "a/keep", "messages": []})
            assert answer.text == "fine"
    assert len({request.connection for request in stage.a.requests}) == 1
    assert stage.a.connections <= before + 1


def test_pipelined_requests_are_answered_in_their_order(stage):
    gate = stage.a.gate()
    slow = Reply.stream([gate, json.dumps(completion("first"))], headers={"Content-Type": "application/json"})
    stage.a.script(slow, Reply(body=completion("second")), Reply(body=completion("third")))
    with stage.gateway.client() as client:
        requests = [
            client.request("POST", "/v1/chat/completions", {"model": f"a/pipe{n}", "messages": []})
            for n in range(3)
        ]
        client.raw(b"".join(requests))
        gate.wait_reached()
        gate.open()
        assert [client.answer().text for _ in range(3)] == ["first", "second", "third"]


def test_a_provider_that_closes_idle_connections(stage):
    """It closes after each answer without saying so: the next request must not fail."""
    body = json.dumps(completion("fine")).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    stage.a.script(*[Reply.raw(head + body)] * 8)
    assert [stage.gateway.chat("a/closing").status for _ in range(8)] == [200] * 8


def test_bytes_after_an_answer_belong_to_nobody(stage):
    body = json.dumps(completion("fine")).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    stage.a.script(
        Reply(bare=True, steps=(Raw(head + body + b"HTTP/1.1 200 OK\r\n"),)), Reply(body=completion("next"))
    )
    assert stage.gateway.chat("a/more").text == "fine"
    assert stage.gateway.chat("a/more").text == "next"


def test_an_error_is_no_end_of_the_connection(stage):
    stage.a.script(Reply(400, body=error_body("no")), FINE)
    with stage.gateway.client() as client:
        body = {"model": "a/again", "messages": []}
        assert client.ask("POST", "/v1/chat/completions", body).status == 400
        assert client.ask("POST", "/v1/chat/completions", body).text == "fine"
        assert client.ask("POST", "/v1/chat/completions", b"{").status == 400
        assert client.ask("GET", "/healthz").status == 200
