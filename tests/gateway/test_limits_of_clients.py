"""What one client can't do to the gateway: large headers, slow requests, answers that nobody reads, crowds."""

from __future__ import annotations

import json
import os
import socket
import time

import pytest

from support.gateway import CHAT, chat_body
from support.upstream import Hang, Reply
from support.wire import chunk, completion, text_stream

CONFIG = """
[profiles.a]
base_url = "{a}"
retries = 0
timeout = { idle = 0.4 }

[profiles.b]
base_url = "{b}"
retries = 0

[serve]
drain = 0.3
request_timeout = 0.5
write_timeout = 1.5
max_concurrent_per_client = 4
max_body_mb = 4
"""
FINE = Reply(body=completion("fine"))


def refused(client, status):
    answer = client.answer()
    assert answer.status == status
    assert answer.error["type"] == "invalid_request_error"
    assert answer.headers["connection"] == "close"
    assert client.wait_closed() == b""


@pytest.mark.parametrize(
    "headers",
    [
        b"X-Large: " + b"x" * 70_000 + b"\r\n",
        b"".join(b"X-%d: 1\r\n" % number for number in range(300)),
        b"X-" + b"n" * 70_000 + b": 1\r\n",
    ],
    ids=["one large", "many", "long name"],
)
def test_headers_that_are_too_large(stage, headers):
    with stage.gateway.client() as client:
        client.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n")
        refused(client, 431)


def test_a_line_that_is_too_long(stage):
    with stage.gateway.client() as client:
        client.raw(b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        refused(client, 431)


def test_large_headers_that_are_allowed(stage):
    stage.b.script(FINE)
    headers = {"X-Trace": "x" * 30_000}
    assert stage.gateway.chat("b/headers", headers=headers).status == 200


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nBad Header\r\n\r\n",
        b"POST /v1/embeddings HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ],
    ids=["nonsense", "TLS", "length", "header", "smuggling", "two lengths", "chunk", "version"],
)
def test_what_is_no_http(stage, data):
    with stage.gateway.client() as client:
        client.raw(data)
        refused(client, 400)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET /healthz HT",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
    ],
    ids=["nothing", "half a head", "half a body"],
)
def test_a_request_that_does_not_come(stage, data):
    with stage.gateway.client() as client:
        client.raw(data)
        refused(client, 408)


def test_headers_that_trickle_in(stage):
    """Each byte is in time, and the whole is not."""
    with stage.gateway.client() as client:
        client.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        end = time.monotonic() + 20
        client.sock.settimeout(0.1)
        answer = b""
        while not answer:
            assert time.monotonic() < end
            try:
                client.raw(b"x")
                answer = client.sock.recv(65536)
            except TimeoutError:
                continue
            except ConnectionError:
                return
        assert answer.startswith(b"HTTP/1.1 408")


def test_a_kept_connection_may_be_idle(stage):
    """What limits requests doesn't limit the time between them."""
    with stage.gateway.client() as client:
        assert client.ask("GET", "/healthz").status == 200
        with stage.gateway.client() as other:
            other.wait_closed()  # that one had its 408, so the limit is over
        assert client.ask("GET", "/healthz").status == 200


def test_a_body_that_takes_its_time_is_fine(stage):
    """The limit is between portions."""
    stage.b.script(FINE)
    body = json.dumps(chat_body("b/slowly")).encode()
    with stage.gateway.client() as client:
        client.raw(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        client.sock.settimeout(0.25)
        for at in (0, 10, 20):
            client.raw(body[at : at + 10])
            with pytest.raises(TimeoutError):
                client.sock.recv(1)
        client.raw(body[30:])
        client.sock.settimeout(20)
        assert client.answer().text == "fine"


def test_a_body_that_drips_has_an_end(stage):
    """Each portion is in time, and all of them would take days."""
    with stage.gateway.client() as client:
        client.raw(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
        answer = drip(client, b" ")
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"bytes a second" in answer


def test_a_refused_client_that_goes_on_sending_is_dropped(stage):
    """The answer has come, and its end too; what is still sent is read for a while, and no longer."""
    with stage.gateway.client() as client:
        client.raw(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99000000\r\n\r\n")
        assert client.answer().status == 413
        assert client.wait_closed() == b""
        end = time.monotonic() + 20
        with pytest.raises(ConnectionError):
            while time.monotonic() < end:
                client.raw(b" ")
                with stage.gateway.client() as other:
                    assert other.ask("GET", "/healthz").status == 200


def drip(client, piece):
    """Send it again and again until something comes back; what came."""
    end = time.monotonic() + 20
    client.sock.settimeout(0.05)
    while True:
        assert time.monotonic() < end
        try:
            client.raw(piece)
            return client.sock.recv(65536)
        except TimeoutError:
            continue


def slow(stage):
    """A connection with a small window, so that little is on its way unread."""
    client = stage.gateway.client()
    client.close()
    client.sock = socket.socket()
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.sock.settimeout(20)
    client.sock.connect(("127.0.0.1", stage.gateway.port))
    return client


def memory(pid):
    """Resident bytes of a process."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_slow_reader_gets_everything(stage):
    """The idle limit counts the provider's silence, not the client's."""
    stage.a.script(Reply.sse(*text_stream(*["x" * 10_000] * 600)))
    with slow(stage) as client:
        client.send("POST", CHAT, chat_body("a/slow", stream=True))
        answer = client.head()
        while len(answer.body) < 100_000:
            client.piece(answer)
        with stage.gateway.client() as other:
            other.wait_closed()  # 0.5 s and more
        client.rest(answer)
    assert answer.done
    assert len(answer.text) == 6_000_000


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads /proc")
def test_a_slow_reader_fills_no_memory(stage):
    """The provider is slowed down instead."""
    stage.b.script(Reply.stream([b"x" * (1 << 20)] * 100, headers={"Content-Type": "application/octet-stream"}))
    before = memory(stage.gateway.process.pid)
    with slow(stage) as client:
        client.send("GET", "/v1/files/f/content", headers={"x-llmctl-profile": "b"})
        client.head()
        client.sock.recv(1000)
        with stage.gateway.client() as other:
            other.wait_closed()
        assert memory(stage.gateway.process.pid) - before < 20 << 20


def test_an_answer_that_nobody_reads(stage):
    stage.b.script(Reply.stream([b"x" * (1 << 20)] * 100, headers={"Content-Type": "application/octet-stream"}))
    with slow(stage) as client:
        client.send("GET", "/v1/unread", headers={"x-llmctl-profile": "b"})
        stage.b.wait_requests(1)
        stage.b.wait_closed(stage.b.last.connection)
    line = json.loads(stage.gateway.wait_said('"door": "unread"'))
    assert (line["outcome"], line["attempts"][0][1]) == ("cancelled", "cancelled")  # it is not the client who left


def test_one_client_may_only_ask_so_much_at_once(stage):
    stage.b.default = Reply.sse(chunk("a"), Hang())
    clients = [stage.gateway.begin("b/crowd", stream=True) for _ in range(4)]
    try:
        stage.b.wait_requests(4)
        answer = stage.gateway.chat("b/crowd")
        assert answer.status == 429
        assert answer.error["type"] == "rate_limit_error"
        assert int(answer.headers["retry-after"]) >= 1
        assert stage.gateway.get("/healthz").status == 200
    finally:
        for client in clients:
            client.close()
    stage.gateway.wait_said("client_left")
    stage.b.default = FINE
    end = time.monotonic() + 20
    while stage.gateway.chat("b/crowd").status != 200:
        assert time.monotonic() < end, "the slots were not given back"


def test_pipelining_without_end_is_slowed_down(stage):
    """A client that never reads its answers can't pile up requests."""
    stage.b.default = Reply(200, {"Content-Type": "application/octet-stream"}, b"x" * (1 << 20))
    with slow(stage) as client:
        request = client.request("GET", "/v1/files/f/content", headers={"x-llmctl-profile": "b"}) * 500
        client.sock.settimeout(0.3)
        sent = 0
        with pytest.raises((TimeoutError, ConnectionError)):
            while sent < 100 << 20:
                client.raw(request)
                sent += len(request)
    assert len(stage.b.requests) < 50
    assert stage.gateway.get("/healthz").status == 200
