"""The server as such: starting and stopping, and what HTTP asks of it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import llmctl
from llmctl.demo.handler import LARGEST_BODY
from llmctl.demo.server import DemoServer
from llmctl.errors import ConfigError

BODY = json.dumps({"model": "demo", "messages": [{"role": "user", "content": "hi"}]}).encode()
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"


def address(server):
    parts = urlsplit(server.base_url)
    return parts.hostname, parts.port


@pytest.fixture
def raw(demo):
    """raw(bytes, ...): sends them one after the other, and returns all that comes back."""

    def send(*pieces: bytes) -> bytes:
        with socket.create_connection(address(demo), timeout=30) as connection:
            for piece in pieces:
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    return send


def test_keeps_the_connection(demo):
    connection = http.client.HTTPConnection(*address(demo), timeout=30)
    connection.connect()
    local = connection.sock.getsockname()
    for more in ({}, {"stream": True}, {"temperature": 5}):
        connection.request("POST", "/v1/chat/completions", json.dumps({**json.loads(BODY), **more}))
        response = connection.getresponse()
        assert response.version == 11
        response.read()
        assert connection.sock.getsockname() == local
    connection.close()


def test_requests_in_a_row_without_waiting(raw):
    request = POST + b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
    assert raw(request * 3).count(b"HTTP/1.1 200 OK") == 3


def test_chunked_body(raw):
    first, second = BODY[:10], BODY[10:]
    chunks = b"%x;note=1\r\n%b\r\n%X\r\n%b\r\n0\r\nTrailer: x\r\n\r\n" % (len(first), first, len(second), second)
    answer = raw(
        POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    assert answer.count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize("chunks", [b"x\r\n", b"-5\r\n", b"\r\n", b"5\r\nabcdefgh\r\n", b"f" * 2000, b"5\r\nab"])
def test_malformed_chunks(raw, chunks):
    assert raw(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("length", [b"x", b"-1", b"9" * 30, b"10"])
def test_malformed_length(raw, length):
    for expect in (b"", b"Expect: 100-continue\r\n"):
        answer = raw(POST + expect + b"Content-Length: " + length + b"\r\n\r\nabc")
        assert b"HTTP/1.1 400" in answer


@pytest.mark.parametrize("announced", [LARGEST_BODY + 1, 10**12])
def test_too_large(raw, announced):
    answer = raw(POST + b"Content-Length: %d\r\n\r\n" % announced, b"x" * 1_000_000)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"code": "request_too_large"' in answer


def test_too_large_in_chunks(raw):
    answer = raw(POST + b"Transfer-Encoding: chunked\r\n\r\n", b"%x\r\nabc" % (LARGEST_BODY + 1))
    assert answer.startswith(b"HTTP/1.1 413")


def test_expect_continue(demo):
    with socket.create_connection(address(demo), timeout=30) as connection, connection.makefile("rb") as answer:
        connection.sendall(POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY))
        assert answer.readline().startswith(b"HTTP/1.1 100")
        assert answer.readline() == b"\r\n"
        connection.sendall(BODY)
        assert answer.readline().startswith(b"HTTP/1.1 200")


def test_expect_continue_is_refused_for_too_much(raw):
    answer = raw(POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (LARGEST_BODY + 1))
    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("request_line", [b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"x" * 70000])
def test_no_http_at_all(raw, request_line):
    assert b'{"error": {"message": ' in raw(request_line)


def test_http_1_0_streams_to_the_end_of_the_connection(raw):
    body = json.dumps({**json.loads(BODY), "stream": True}).encode()
    answer = raw(POST.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    head, _, stream = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert stream.startswith(b"data: {")
    assert stream.endswith(b"data: [DONE]\n\n")


def test_one_whole_event_in_each_chunk(raw):
    body = json.dumps({**json.loads(BODY), "stream": True}).encode()
    stream = raw(POST + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)).partition(b"\r\n\r\n")[2]
    while not stream.startswith(b"0\r\n"):
        size, _, rest = stream.partition(b"\r\n")
        chunk, stream = rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        assert chunk.startswith(b"data: ")
        assert chunk.count(b"\n\n") == 1
        assert chunk.endswith(b"\n\n")


def begin_stream(server, pace):
    """A connection on which an endless-looking stream has begun."""
    connection = http.client.HTTPConnection(*address(server), timeout=30)
    body = json.dumps({**json.loads(BODY), "stream": True})
    connection.request("POST", "/v1/chat/completions", body, {"x-demo-pace": pace})
    response = connection.getresponse()
    assert response.readline().startswith(b"data: ")
    return connection, response


def test_client_that_hangs_up_is_no_trouble(demo, capfd):
    for _ in range(3):
        connection, response = begin_stream(demo, "0.001")
        response.close()
        connection.close()
    with pytest.raises(ConnectionResetError), socket.create_connection(address(demo), timeout=30) as rude:
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        rude.sendall(POST)
        raise ConnectionResetError  # closes with a reset, in the middle of a request
    connection = http.client.HTTPConnection(*address(demo), timeout=30)
    connection.request("GET", "/health")
    assert connection.getresponse().read()
    connection.close()
    assert capfd.readouterr() == ("", "")


def test_stop_ends_open_streams():
    server = DemoServer()
    server.start()
    connection, response = begin_stream(server, "600")
    idle = http.client.HTTPConnection(*address(server), timeout=30)
    idle.request("GET", "/health")
    idle.getresponse().read()
    server.stop()
    server.stop()
    with pytest.raises(http.client.IncompleteRead):
        response.read()
    assert idle.sock.recv(1) == b""
    idle.close()
    response.close()
    connection.close()


def test_many_at_once(call):
    answers = []
    body = json.loads(BODY)
    threads = [
        threading.Thread(target=lambda: answers.append(call("POST", "/v1/chat/completions", body).json["id"]))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 20
    assert len(set(answers)) == 1


def test_restarts_on_the_same_port():
    server = DemoServer()
    with server:
        port = urlsplit(server.base_url).port
        server.start()  # a second start changes nothing
        assert urlsplit(server.base_url).port == port
    for _ in range(2):
        with DemoServer(port=port) as again:
            assert again.base_url == f"http://127.0.0.1:{port}/v1"


def test_taken_port(demo):
    with pytest.raises(ConfigError, match=r"can't listen on 127\.0\.0\.1:\d+: ") as caught:
        DemoServer(port=address(demo)[1]).start()
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_no_such_port():
    with pytest.raises(ConfigError, match="70000"):
        DemoServer(port=70000).start()


def test_base_url_before_the_start():
    with pytest.raises(RuntimeError):
        _ = DemoServer().base_url


def test_serve_forever_ends_with_stop():
    server = DemoServer()
    server.start()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.stop()
    thread.join(30)
    assert not thread.is_alive()


# Announces itself from another thread, for only within serve_forever Ctrl-C is expected.
SERVE_FOREVER = """
import signal, threading
from llmctl.demo.server import DemoServer
signal.signal(signal.SIGINT, signal.default_int_handler)
server = DemoServer()
def announce():
    while True:
        try:
            return print(server.base_url, flush=True)
        except RuntimeError:
            pass
threading.Thread(target=announce, daemon=True).start()
server.serve_forever()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for a child there")
def test_ctrl_c_ends_quietly():
    command = [sys.executable, "-c", SERVE_FOREVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == ("", "")
        assert process.returncode == 0


def test_ipv6():
    try:
        server = DemoServer(host="::1")
        server.start()
    except ConfigError:
        pytest.skip("no IPv6 here")
    with server:
        assert server.base_url.startswith("http://[::1]:")
        connection = http.client.HTTPConnection(*address(server), timeout=30)
        connection.request("GET", "/v1/models")
        assert connection.getresponse().status == 200
        connection.close()


def test_importing_it_is_cheap():
    program = (
        "import sys, llmctl.demo.server\n"
        "print([m for m in ('json', 'http', 'socket', 'threading', 'hashlib') if m in sys.modules])"
    )
    clean = [sys.executable, "-S", "-c", program]
    shown = subprocess.run(
        clean,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(llmctl.__file__).parents[1])},
    )
    assert shown.stdout == "[]\n"


@pytest.mark.parametrize("value", ["x", "nan", "inf", "-1"])
def test_pace_that_makes_no_sense(call, value):
    assert call("POST", "/v1/chat/completions", {**json.loads(BODY), "stream": True}, x_demo_pace=value).events
