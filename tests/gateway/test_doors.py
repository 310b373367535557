"""The doors: which paths there are, names of models with odd letters, and what passes through untouched."""

from __future__ import annotations

import gzip
import json
import socket

import pytest

from support.gateway import CHAT, chat_body
from support.upstream import Reply
from support.wire import completion, error_body, models, text_stream

CONFIG = """
current = "a"

[profiles.a]
base_url = "{a}"
model = "default-a"
retries = 0

[profiles.b]
base_url = "{b}"
retries = 0

[aliases]
whisper = "b/whisper-large-v3"
tiny = "b/w"

[serve]
drain = 0.3
max_body_mb = 64
"""
FINE = Reply(body=completion("fine"))


def form(*parts, boundary="7d44e178b0439"):
    """A multipart body: (headers, bytes) each."""
    told = b"".join(
        b"--%b\r\n%b\r\n\r\n%b\r\n" % (boundary.encode(), headers.encode(), data) for headers, data in parts
    )
    return told + b"--%b--\r\n" % boundary.encode()


def field(name, value):
    return f'Content-Disposition: form-data; name="{name}"', value


def upload(stage, body, path="/v1/audio/transcriptions", **headers):
    kind = {"Content-Type": "multipart/form-data; boundary=7d44e178b0439", **headers}
    return stage.gateway.ask("POST", path, body, kind)


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/chat/completions", "/v1/v1/chat/completions", "/v1/chat/completions/"]
)
def test_with_and_without_v1(stage, path):
    stage.a.script(FINE)
    answer = stage.gateway.ask("POST", path, {"model": "a/m", "messages": []})
    assert answer.text == "fine"
    assert stage.a.last.path == "/v1/chat/completions"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health(stage, path):
    assert stage.gateway.get(path).status == 200


# models


def listed(stage):
    stage.a.route("/v1/models", Reply(body=models("org/model:free", "name with space", "ünï")))
    stage.b.route("/v1/models", Reply(body=models("plain")))


def test_models(stage):
    listed(stage)
    answer = stage.gateway.get("/v1/models").json()
    assert answer["object"] == "list"
    ids = [model["id"] for model in answer["data"]]
    assert {"whisper", "a/default-a", "a/org/model:free", "b/plain"} <= set(ids)
    assert len(ids) == len(set(ids))
    assert all(model.keys() >= {"id", "object", "created", "owned_by"} for model in answer["data"])
    assert stage.gateway.get("/models").json() == answer


@pytest.mark.parametrize(
    ("path", "id"),
    [
        ("a/org/model:free", "a/org/model:free"),
        ("a%2Forg%2Fmodel%3Afree", "a/org/model:free"),
        ("a/org%2fmodel:free", "a/org/model:free"),
        ("a/name%20with%20space", "a/name with space"),
        ("a/%C3%BCn%C3%AF", "a/ünï"),
        ("whisper", "whisper"),
        ("plain", "plain"),
    ],
)
def test_one_model(stage, path, id):
    listed(stage)
    for start in ("/v1/models/", "/models/"):
        answer = stage.gateway.get(start + path)
        assert (answer.status, answer.json()["id"]) == (200, id)
        assert answer.json()["object"] == "model"


def test_a_model_that_is_not_there(stage):
    listed(stage)
    answer = stage.gateway.get("/v1/models/wisper")
    assert answer.status == 404
    assert answer.error["code"] == "model_not_found"
    assert "whisper" in answer.error["message"]


def test_head(stage):
    listed(stage)
    with stage.gateway.client() as client:
        assert client.ask("HEAD", "/v1/models").status == 200
        assert client.ask("GET", "/v1/models").status == 200


# everything else


def test_a_json_body_that_names_a_model(stage):
    given = {"created": 1, "data": [{"url": "x"}]}
    stage.b.script(Reply(body=given))
    body = b'{"model": "b/dall-e", "prompt": "\\u00fc", "size":  "1x1"}'
    answer = stage.gateway.ask("POST", "/v1/images/generations", body)
    assert answer.json() == given
    assert stage.b.last.json() == {"model": "dall-e", "prompt": "ü", "size": "1x1"}
    assert b'"\\u00fc"' in stage.b.last.body


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH", "POST"])
def test_what_names_no_model_goes_to_the_current_profile(stage, method):
    stage.a.script(Reply(200, {"X-Custom": "1"}, b"whatever"))
    body = b"\x00\x01" if method in ("PUT", "PATCH", "POST") else None
    answer = stage.gateway.ask(
        method, "/v1/files/f-1/content?x=1", body, {"Content-Type": "application/octet-stream"}
    )
    assert (answer.status, answer.body, answer.headers["x-custom"]) == (200, b"whatever", "1")
    assert (stage.a.last.method, stage.a.last.target) == (method, "/v1/files/f-1/content?x=1")
    assert stage.a.last.body == (body or b"")


def test_a_header_names_the_profile(stage):
    stage.b.script(Reply(body={"data": []}))
    assert stage.gateway.get("/v1/files", {"x-llmctl-profile": "b"}).status == 200
    assert len(stage.b.requests) == 1
    assert stage.gateway.get("/v1/files", {"x-llmctl-profile": "nobody"}).status == 404


def test_errors_pass_through(stage):
    stage.a.script(Reply(404, {"x-request-id": "r"}, error_body("no such file", code="file_not_found")))
    answer = stage.gateway.get("/v1/files/f-2")
    assert (answer.status, answer.error["code"]) == (404, "file_not_found")
    assert answer.headers["x-request-id"] == "r"


def test_escaped_paths_stay(stage):
    stage.a.script(Reply(body={}))
    assert stage.gateway.get("/v1/files/a%2Fb%20c?q=%26&r=%C3%A4").status == 200
    assert stage.a.last.target.startswith("/v1/files/a%2Fb%20c?q=%26&r=%C3%A4")


def test_a_binary_download_comes_piece_by_piece(stage):
    blob = bytes(range(256)) * 4096
    gate = stage.a.gate()
    stage.a.script(Reply.stream([blob, gate, blob], headers={"Content-Type": "audio/mpeg"}))
    with stage.gateway.client() as client:
        client.send("POST", "/v1/audio/speech", {"model": "a/tts", "input": "Hi", "voice": "x"})
        answer = client.head()
        size = 0
        while size < len(blob):
            size += len(client.piece(answer))
        gate.open()
        client.rest(answer)
    assert answer.whole
    assert answer.body == blob * 2
    assert answer.headers["content-type"] == "audio/mpeg"


def test_a_download_with_a_length_that_breaks_off(stage):
    stage.a.script(Reply(200, {"Content-Type": "audio/mpeg"}, b"x" * 1000, content_length=5000, close=True))
    answer = stage.gateway.get("/v1/files/f-3/content")
    assert answer.headers["content-length"] == "5000"
    assert not answer.whole


def test_a_download_without_a_length_that_breaks_off(stage):
    from support.upstream import Cut

    stage.a.script(Reply.stream([b"x" * 1000, Cut()]))
    answer = stage.gateway.get("/v1/files/f-4/content")
    assert answer.body == b"x" * 1000
    assert not answer.whole


def test_streams_of_other_doors(stage):
    events = [b'event: response.created\ndata: {"type":"response.created"}\n\n', b'event: x\ndata: {"a":  1}\n\n']
    stage.a.script(Reply.sse(*events, done=False))
    answer = stage.gateway.ask("POST", "/v1/images/generations", {"model": "a/m", "prompt": "Hi", "stream": True})
    assert answer.body == b"".join(events)
    assert answer.whole
    assert stage.a.last.json() == {"model": "m", "prompt": "Hi", "stream": True}


# uploads


def test_an_upload_whose_model_is_rewritten(stage):
    stage.b.script(Reply(body={"text": "hello"}))
    audio = bytes(range(256)) * 10
    file = 'Content-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav'
    body = form(field("model", b"whisper"), field("language", b"de"), (file, audio))
    answer = upload(stage, body)
    assert answer.json() == {"text": "hello"}
    assert stage.b.last.body == body.replace(b"\r\nwhisper\r\n", b"\r\nwhisper-large-v3\r\n")
    assert stage.b.last.headers["content-type"] == "multipart/form-data; boundary=7d44e178b0439"


def test_the_model_may_come_last(stage):
    stage.b.script(Reply(body={"text": "hello"}))
    audio = b"\r\n--not the boundary\r\n" * 1000
    body = form(field("file", audio), field("model", b"tiny"))
    assert upload(stage, body).status == 200
    assert stage.b.last.body == body.replace(b"\r\ntiny\r\n", b"\r\nw\r\n")


@pytest.mark.parametrize("last", [False, True], ids=["model first", "model last"])
def test_twenty_megabytes(stage, last):
    stage.b.script(Reply(body={"text": "hello"}))
    audio = bytes(range(251)) * (20 * 1024 * 1024 // 251)
    parts = [field("model", b"whisper"), field("file", audio)]
    body = form(*(reversed(parts) if last else parts))
    assert upload(stage, body).status == 200
    assert stage.b.last.body == body.replace(b"\r\nwhisper\r\n", b"\r\nwhisper-large-v3\r\n")


def test_a_chunked_upload(stage):
    stage.b.script(Reply(body={"text": "hello"}))
    body = form(field("file", b"x" * 100_000), field("model", b"whisper"))
    with stage.gateway.client() as client:
        client.raw(
            b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: multipart/form-data; boundary=7d44e178b0439\r\n\r\n"
        )
        for at in range(0, len(body), 9973):
            piece = body[at : at + 9973]
            client.raw(b"%x\r\n%b\r\n" % (len(piece), piece))
        client.raw(b"0\r\n\r\n")
        assert client.answer().status == 200
    assert stage.b.last.body == body.replace(b"\r\nwhisper\r\n", b"\r\nwhisper-large-v3\r\n")


def test_an_upload_without_a_model_goes_to_the_current_profile(stage):
    stage.a.script(Reply(body={"id": "file-1"}))
    body = form(field("purpose", b"batch"), field("file", b"{}\n"))
    assert upload(stage, body, "/v1/files").status == 200
    assert stage.a.last.body == body


@pytest.mark.parametrize(
    "part",
    [
        field("model_id", b"whisper"),
        ('Content-Disposition: form-data; name="file"; filename="model"', b"whisper"),
        (
            'Content-Disposition: form-data; name="file"; filename="x"',
            b'\r\nnot; name="model"\r\n\r\nwhisper\r\n--x',
        ),
    ],
    ids=["model_id", "a file called model", "inside a file"],
)
def test_what_only_looks_like_a_model(stage, part):
    stage.a.script(Reply(body={"id": "file-1"}))
    body = form(field("purpose", b"batch"), part)
    assert upload(stage, body, "/v1/files").status == 200
    assert stage.a.last.body == body


def test_an_upload_begins_before_it_is_whole(stage):
    """Once its model is known, nothing is held back."""
    stage.b.script(Reply(body={"text": "hello"}))
    body = form(field("model", b"whisper"), field("file", b"x" * 3_000_000))
    connections = stage.b.connections
    with stage.gateway.client() as client:
        head = client.request("POST", "/v1/audio/transcriptions", body, {
            "Content-Type": "multipart/form-data; boundary=7d44e178b0439"})  # fmt: skip
        client.raw(head[:1_500_000])
        assert stage.gateway.get("/healthz").status == 200
        client.raw(head[1_500_000:])
        assert client.answer().status == 200
    assert stage.b.connections >= connections


def test_an_upload_that_is_refused_early(stage):
    """The provider answers before it has read everything: the client gets that answer."""
    body = form(field("model", b"nobodys-model"), field("file", b"x" * 3_000_000))
    answer = upload(stage, body)
    assert answer.status == 404
    assert answer.error["code"] == "model_not_found"


def test_expect_100_continue(stage):
    stage.a.script(FINE)
    body = json.dumps({"model": "a/expect", "messages": []}).encode()
    with stage.gateway.client() as client:
        client.raw(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                   b"Content-Length: %d\r\n\r\n" % len(body))  # fmt: skip
        assert client.sock.recv(100).startswith(b"HTTP/1.1 100")
        client.raw(body)
        assert client.answer().text == "fine"


def test_http_1_0(stage):
    stage.a.script(Reply.sse(*text_stream("a", "b")))
    body = json.dumps({"model": "a/old", "messages": [], "stream": True}).encode()
    with stage.gateway.client() as client:
        client.raw(b"POST /v1/chat/completions HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        answer = client.answer()
    assert "transfer-encoding" not in answer.headers
    assert answer.text == "ab"


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ("GET http://evil.example/v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 400"),
        ("GET /v1/models HTTP/1.1\r\n\r\n", "HTTP/1.1 400"),
        ("GET /v1/models HTTP/1.0\r\n\r\n", "HTTP/1.1 200"),
        ("\x16\x03\x01\x02\x00\x01", "https://"),
        ("GET /v1/realtime HTTP/1.1\r\nHost: x.localhost\r\nUpgrade: websocket\r\n\r\n", "WebSocket"),
    ],
)
def test_requests_that_are_not_for_us(stage, head, says):
    with socket.create_connection(("127.0.0.1", stage.gateway.port), 10) as sock:
        sock.sendall(head.encode("latin-1"))
        assert says in sock.recv(65536).decode()


def test_a_compressed_request_is_refused_in_words(stage):
    answer = stage.gateway.ask("POST", CHAT, gzip.compress(b'{"model":"a/m"}'), {"Content-Encoding": "gzip"})
    assert answer.status == 400
    assert "Content-Encoding: gzip" in answer.error["message"]


def test_a_byte_order_mark_is_no_harm(stage):
    stage.a.default = Reply(body=completion("fine"))
    assert stage.gateway.ask("POST", CHAT, b"\xef\xbb\xbf" + json.dumps(chat_body("a/m")).encode()).status == 200
