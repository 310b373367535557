"""Where one request ends and the next begins: upgrades nobody follows, heads and trailers without end."""

from __future__ import annotations

import http.client
import json
import select
import socket

import pytest

from support.gateway import CHAT, chat_body
from support.upstream import Reply
from support.wire import completion

CONFIG = """
[profiles.a]
base_url = "{a}"
retries = 0

[serve]
drain = 0.3
max_body_mb = 4
"""
FINE = Reply(body=completion("fine"))
H2C = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAoAAAAAIAAAAA"}
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
ENOUGH = 32 << 20
"""Bytes that no client may send in vain."""


@pytest.fixture
def client(stage):
    stage.a.default = FINE
    with stage.gateway.client() as made:
        yield made


def settle(stage):
    """What was sent before has been read by the gateway, too."""
    assert stage.gateway.get("/healthz").status == 200


def upgrading(client, model, **params):
    return client.request("POST", CHAT, chat_body(model, **params), H2C)


def asked(stage):
    return [json.loads(request.body)["model"] for request in stage.a.requests]


def in_chunks(body, size=7):
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


# upgrades


def test_an_upgrade_is_ignored(stage, client):
    """What every client of the JDK asks for; the body comes with the head."""
    for number in range(3):
        client.raw(upgrading(client, f"a/java-{number}"))
        assert client.answer().text == "fine"
    assert client.ask("POST", CHAT, chat_body("a/plain")).text == "fine"
    assert asked(stage) == ["java-0", "java-1", "java-2", "plain"]
    names = {name.lower() for request in stage.a.requests for name, _ in request.raw_headers}
    assert not names & {"connection", "upgrade", "http2-settings"}


def test_the_body_of_an_upgrade_may_come_later(stage, client):
    head, _, body = upgrading(client, "a/later").partition(b"\r\n\r\n")
    client.raw(head + b"\r\n\r\n")
    settle(stage)
    client.raw(body[:10])
    settle(stage)
    client.raw(body[10:])
    assert client.answer().text == "fine"
    assert asked(stage) == ["later"]


def test_the_body_of_an_upgrade_may_be_chunked(stage, client):
    body = in_chunks(json.dumps(chat_body("a/chunked")).encode())
    client.send("POST", CHAT, body, {**H2C, "Transfer-Encoding": "chunked"})
    assert client.answer().text == "fine"
    assert client.ask("POST", CHAT, chat_body("a/after")).text == "fine"
    assert asked(stage) == ["chunked", "after"]


def test_the_body_of_an_upgrade_may_be_large(stage, client):
    client.raw(upgrading(client, "a/large", user="x" * 3_000_000))
    assert client.answer().text == "fine"
    assert len(stage.a.last.body) > 3_000_000


def test_an_upgrade_torn_at_every_byte(stage, client):
    """At each place in two, and once into single bytes."""
    data = upgrading(client, "a/torn")
    for at in range(1, len(data)):
        client.raw(data[:at])
        settle(stage)
        client.raw(data[at:])
        assert client.answer().text == "fine", data[:at]
    for at in range(len(data)):
        client.raw(data[at : at + 1])
        settle(stage)
    assert client.answer().text == "fine"
    assert set(asked(stage)) == {"torn"}


def test_upgrades_in_one_write(stage, client):
    models = [f"a/row-{number}" for number in range(20)]
    plain = [client.request("POST", CHAT, chat_body(model)) for model in models]
    client.raw(b"".join(upgrading(client, model) if n % 3 else plain[n] for n, model in enumerate(models)))
    assert [client.answer().text for _ in models] == ["fine"] * 20
    assert asked(stage) == [model[2:] for model in models]


def test_a_crowd_of_upgrades_in_one_write(stage, client):
    """Each takes the parser a new beginning; that is no depth, and no time either."""
    client.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n" * 5000)
    assert [client.answer().status for _ in range(5000)] == [200] * 5000


@pytest.mark.parametrize("later", [False, True], ids=["same write", "later"])
@pytest.mark.parametrize("path", [CHAT, "/v1/responses", "/healthz"])
def test_a_request_in_the_body_of_an_upgrade_is_none(stage, client, path, later):
    """It has one answer, whatever it is; the next one is for the next request."""
    hidden = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head, _, _ = client.request("POST", path, hidden, H2C).partition(b"\r\n\r\n")
    client.raw(head + b"\r\n\r\n" + (b"" if later else hidden))
    if later:
        settle(stage)
        client.raw(hidden)
    client.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert client.answer().status >= 400
    assert client.answer().body == stage.gateway.get("/healthz").body
    assert client.wait_closed() == b""
    assert stage.a.requests == []


@pytest.mark.parametrize("path", ["/v1/realtime?model=a/x", "/v1/chat/completions", "/"])
def test_a_websocket_is_refused_and_closed(client, path):
    """What follows could be its frames: nothing of it is read as a request."""
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    client.raw(client.request("GET", path, None, headers) + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = client.answer()
    assert answer.headers["connection"] == "close"
    assert client.wait_closed() == b""
    if "realtime" in path:
        assert "WebSocket is not relayed" in answer.error["message"]


@pytest.mark.parametrize("target", [b"a:443", b"/", b"*"])
def test_connect_is_refused(client, target):
    client.raw(
        b"CONNECT %b HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" % target
    )
    assert client.answer().status == 400
    assert client.wait_closed() == b""


def test_trailers_are_no_headers(stage, client):
    body = in_chunks(json.dumps(chat_body("a/trailed")).encode())
    body = body[:-2] + b"X-After: 1\r\nX-Llmctl-Cache: on\r\n\r\n"
    client.send("POST", CHAT, body, {"Transfer-Encoding": "chunked"})
    answer = client.answer()
    assert answer.text == "fine"
    assert "x-after" not in stage.a.last.headers
    assert client.ask("GET", "/healthz").status == 200


def test_a_client_that_closes_its_half_has_left(stage, client):
    """The same FIN comes from one that has gone for good, whose request must end at once."""
    stage.a.default = Reply.hang()
    client.send("POST", CHAT, chat_body("a/half"))
    stage.a.wait_requests(1)
    client.sock.shutdown(socket.SHUT_WR)
    stage.a.wait_closed(stage.a.last.connection)
    assert client.wait_closed() == b""


# without end


def pour(client, data):
    """Send it again and again until the other side says something; fails the test when it doesn't."""
    sent = 0
    while sent < ENOUGH:
        readable, writable, _ = select.select([client.sock], [client.sock], [], 20)
        if readable:
            return
        assert writable
        sent += client.sock.send(data)
    raise AssertionError(f"it took {sent} bytes")


BODY = json.dumps(chat_body("a/endless")).encode()
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "begin",
    [
        b"POST /",
        HEAD + b"X-A: ",
        HEAD + b"X-A",
        CHUNKED + b"%x\r\n%b\r\n0\r\nX-T: " % (len(BODY), BODY),
        CHUNKED + b"%x\r\n%b\r\n0\r\nX-T" % (len(BODY), BODY),
        CHUNKED + b"5;x=",
    ],
    ids=["path", "value", "name", "value of a trailer", "name of a trailer", "chunk extension"],
)
def test_what_never_ends(stage, client, begin):
    """It is refused long before it takes memory or time from others."""
    client.raw(begin)
    settle(stage)
    pour(client, b"a" * 65536)
    assert client.answer().status == 431
    assert client.wait_closed() == b""
    assert stage.a.requests == []


def test_lines_between_requests_that_never_end(client):
    assert client.ask("GET", "/healthz").status == 200
    pour(client, b"\r\n" * 32768)
    assert client.answer().status == 431


# refused early


def test_a_client_that_still_sends_sees_why_it_was_refused(stage):
    """Clients that send everything before they read: the connection is not broken under them."""
    for _ in range(3):
        connection = http.client.HTTPConnection("127.0.0.1", stage.gateway.port, timeout=20)
        connection.request("POST", CHAT, b"x" * (40 << 20), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["error"]["code"]) == (413, "request_too_large")
        connection.close()


def test_a_client_that_sends_for_ever_is_cut(client):
    client.raw(HEAD + b"Content-Length: 99999999999\r\n\r\n")
    assert client.answer().status == 413
    sent, block = 0, b"x" * (1 << 20)
    with pytest.raises(ConnectionError):
        while sent < 1 << 30:
            client.raw(block)
            sent += len(block)
    assert sent < 300 << 20


@pytest.mark.parametrize("path", [CHAT, "/v1/files"], ids=["held", "passed through"])
def test_a_bad_chunk_is_refused_for_a_client_that_still_sends(stage, path):
    """Its request is being served: that ends, and the client reads why."""
    stage.a.default = FINE
    for _ in range(3):
        with stage.gateway.client() as client:
            client.raw(b"POST %b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n" % path.encode())
            client.raw(b"Expect: 100-continue\r\n\r\n5\r\nhello\r\n")
            settle(stage)
            client.raw(b"ZZ\r\n" + b"x" * (20 << 20))
            assert client.answer().status == 400
            assert client.wait_closed() == b""
            while stage.gateway.get("/api/state").json()["in_flight"]:
                pass
    assert not [request for request in stage.a.requests if request.body != b"hello"]
