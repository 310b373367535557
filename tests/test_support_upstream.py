"""The scripted upstream does what the other tests build on."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator

import pytest
import trustme

from support.upstream import (
    Cut,
    Delay,
    Gate,
    Hang,
    Raw,
    Reply,
    Reset,
    Upstream,
    Wait,
    free_port,
    refused_url,
)
from support.wire import chunk, completion, error_body, text_stream, usage

BODY = json.dumps({"model": "m", "messages": []})


@pytest.fixture
def up() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


@pytest.fixture
def client(up: Upstream) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(up.host, up.port, timeout=20)
    yield connection
    connection.close()


def ask(client: http.client.HTTPConnection, path: str = "/v1/chat/completions") -> http.client.HTTPResponse:
    client.request("POST", path, BODY, {"Authorization": "Bearer k"})
    return client.getresponse()


def test_answers_in_order_on_one_connection_then_the_default(up, client):
    up.script(Reply(body=completion("one")), lambda request: Reply(429, {"Retry-After": "1"}, request.path))
    first = json.loads(ask(client).read())
    second = ask(client)
    assert first["choices"][0]["message"]["content"] == "one"
    assert (second.status, second.reason, second.headers["Retry-After"]) == (429, "Too Many Requests", "1")
    assert second.read() == b"/v1/chat/completions"
    assert json.loads(ask(client).read())["error"]["message"] == "upstream script is exhausted"
    assert [request.connection for request in up.requests] == [0, 0, 0]


def test_records_requests(up, client):
    ask(client, "/v1/x%2Fy?a=1&b=").read()
    request = up.last
    assert (request.method, request.path, request.query) == ("POST", "/v1/x%2Fy", "a=1&b=")
    assert request.params == {"a": "1", "b": ""}
    assert request.headers["AUTHORIZATION"] == "Bearer k"
    assert "authorization" in request.headers
    assert request.json()["model"] == "m"


def test_routes_come_before_the_script(up, client):
    up.script(Reply(body="scripted"))
    up.route("/v1/models", Reply(body="routed"))
    assert ask(client, "/v1/models?x=1").read() == b"routed"
    assert ask(client, "/v1/models").read() == b"routed"
    assert ask(client).read() == b"scripted"


def test_reads_a_chunked_request(up, client):
    client.request("POST", "/", iter([b"ab", b"", b"c"]), encode_chunked=True)
    client.getresponse().read()
    assert up.last.body == b"abc"


def test_expect_100_continue(up):
    with socket.create_connection((up.host, up.port), timeout=20) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"hi")
        assert sock.recv(100).startswith(b"HTTP/1.1 500 ")
    assert up.last.body == b"hi"


def test_stream_is_sent_as_it_comes_and_the_connection_stays(up, client):
    gate = up.gate()
    up.script(Reply.stream(["one", gate, b"two"]), Reply(204))
    response = ask(client)
    assert response.headers["Transfer-Encoding"] == "chunked"
    assert response.read1() == b"one"
    gate.wait_reached()
    gate.open()
    assert response.read() == b"two"
    assert ask(client).status == 204
    assert up.connections == 1


def test_sse_events(up, client):
    event = threading.Event()
    event.set()
    up.script(Reply.sse(chunk("Hi"), Wait(event), "text", Delay(0.001), b": ping\n\n"))
    response = ask(client)
    assert response.headers["Content-Type"] == "text/event-stream"
    first, *rest = response.read().decode().split("\n\n")
    assert json.loads(first.removeprefix("data: ")) == chunk("Hi")
    assert rest == ["data: text", ": ping", "data: [DONE]", ""]


def test_body_until_close(up, client):
    up.script(Reply.stream(["one", "two"], chunked=False), Reply(body="x", content_length=None))
    for expected in (b"onetwo", b"x"):
        response = ask(client)
        assert response.headers["Connection"] == "close"
        assert response.read() == expected
    assert [request.connection for request in up.requests] == [0, 1]


@pytest.mark.parametrize("reply", [Reply.stream(["one", Cut()]), Reply(body="one", content_length=9, close=True)])
def test_cut_in_the_middle_of_a_body(up, client, reply):
    up.script(reply)
    response = ask(client)
    with pytest.raises(http.client.IncompleteRead):
        response.read()


def test_reset_in_the_middle_of_a_body(up, client):
    up.script(Reply.stream(["one", up.gate(), Reset()]))
    response = ask(client)
    assert response.read1() == b"one"
    up.gate().open()
    with pytest.raises(ConnectionResetError):
        response.read()


def test_faults_before_the_headers(up, client):
    up.script(Reply.refuse(), Reply.reset(), Reply.raw(b"SSH-2.0-x\r\n"), Reply.stream([Raw(b"zzz\r\n")]))
    with pytest.raises(http.client.RemoteDisconnected):
        ask(client)
    with pytest.raises(ConnectionResetError):
        ask(client)
    client.close()
    with pytest.raises(http.client.BadStatusLine):
        ask(client)
    client.close()
    with pytest.raises(http.client.IncompleteRead):
        ask(client).read()


@pytest.mark.parametrize("reply", [Reply.hang(), Reply.stream([Hang()]), Reply.stream([Gate()])])
def test_notices_that_the_client_goes(up, client, reply):
    up.script(reply)
    client.request("POST", "/", BODY)
    up.wait_requests(1)
    assert not up.client_closed(0)
    client.close()
    assert up.wait_closed(0)


def test_exit_ends_what_hangs(client):
    with Upstream() as up:
        up.script(Reply.hang())
        client = http.client.HTTPConnection(up.host, up.port, timeout=20)
        client.request("POST", "/", BODY)
        up.wait_requests(1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        client.getresponse()
    client.close()


def test_exit_ends_a_reply_that_nobody_reads():
    with Upstream() as up, socket.create_connection((up.host, up.port), timeout=20) as sock:
        up.script(Reply(body=b"x" * 50_000_000))
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        up.wait_requests(1)
    assert not any(thread.is_alive() for thread in up._threads)


def test_proxy_tunnels_and_records_connect(up):
    up.script(Reply(body="inside"))
    with Upstream(proxy=True) as proxy:
        client = http.client.HTTPConnection(proxy.host, proxy.port, timeout=20)
        client.set_tunnel(up.host, up.port, {"Proxy-Authorization": "Basic eA=="})
        assert ask(client).read() == b"inside"
        client.close()
        assert proxy.wait_closed(0)
        assert (proxy.last.method, proxy.last.target) == ("CONNECT", f"{up.host}:{up.port}")
        assert proxy.last.headers["proxy-authorization"] == "Basic eA=="
    assert up.wait_closed(0)


def test_proxy_refuses_as_scripted_and_answers_absolute_targets():
    with Upstream(proxy=True) as proxy:
        proxy.script(Reply(407, close=True), Reply(body="through"))
        client = http.client.HTTPConnection(proxy.host, proxy.port, timeout=20)
        client.set_tunnel("example.com", 443)
        with pytest.raises(OSError, match="407"):
            ask(client)
        client = http.client.HTTPConnection(proxy.host, proxy.port, timeout=20)
        assert ask(client, "http://example.com/v1/models?x=1").read() == b"through"
        client.close()
        assert proxy.last.target == "http://example.com/v1/models?x=1"
        assert proxy.last.path == "/v1/models"


def test_garbage_is_answered_with_400(up):
    with socket.create_connection((up.host, up.port), timeout=20) as sock:
        sock.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 400 ")


def test_tls_and_ipv6():
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("::1").configure_cert(server)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with Upstream(host="::1", tls=server) as up:
        assert up.url == f"https://[::1]:{up.port}"
        up.script(Reply.sse("a"), Reply.hang())
        client = http.client.HTTPSConnection("::1", up.port, timeout=20, context=trusting)
        assert ask(client).read() == b"data: a\n\ndata: [DONE]\n\n"
        client.request("POST", "/", BODY)
        up.wait_requests(2)
        client.close()
        assert up.wait_closed(0)
        stranger = http.client.HTTPSConnection("::1", up.port, timeout=20)
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(stranger)
        assert up.wait_closed(1)


def test_ports():
    assert free_port() > 0
    host, port = refused_url().removeprefix("http://").split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=20)


def test_wire_builders():
    pieces = text_stream("a", "b", usage=usage(3, 2))
    assert [len(piece["choices"]) for piece in pieces] == [1, 1, 1, 1, 0]
    assert pieces[0]["choices"][0]["delta"] == {"content": "", "role": "assistant"}
    assert pieces[3]["choices"][0]["finish_reason"] == "stop"
    assert pieces[4]["usage"]["total_tokens"] == 5
    assert set(error_body("no")["error"]) == {"message", "type", "param", "code"}
