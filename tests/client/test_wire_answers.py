"""Answers that are no proper HTTP, or have no end: what is wrong with them is said, and costs nobody anything."""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter

import pytest

from llmctl.errors import NetworkError, NotUnderstood, StreamBroken
from support.loops import PATIENCE, Scripted, ask, receive_request, send
from support.upstream import Reply

OK = b"HTTP/1.1 200 OK\r\n"
FINE = OK + b"Content-Length: 4\r\n\r\nfine"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (OK + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding can't be present"),
        (OK + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nfine", "Duplicate Content-Length"),
        (OK + b"Content-Length: x\r\n\r\n", "Content-Length"),
        (OK + b"A: b\nB: c\n\n", "CR"),
        (OK + b"A: b\r\n c\r\n\r\n", "whitespace"),
        (b"HTTP/1.1 101 Hi\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", "101 Switching Protocols"),
        (b"HTTP/1.1 101 Hi\r\n\r\n", "101 Switching Protocols"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "status code"),
    ],
    ids=["length and chunks", "two lengths", "length", "bare LF", "folded", "upgrade", "101", "status"],
)
def test_an_answer_that_is_not_proper_http(upstream, wire, run, answer, words):
    upstream.script(Reply.raw(answer))
    with pytest.raises(NotUnderstood, match=re.escape(wire.address)) as failure:
        run(ask(wire))
    assert words in failure.value.message
    assert "mixed up" not in f"{failure.value.message} {failure.value.hint}"


@pytest.mark.parametrize(
    "begin",
    [
        OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\nX-T: ",
        OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\nX-T",
        OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n4;x=",
    ],
    ids=["value of a trailer", "name of a trailer", "chunk extension"],
)
def test_what_never_ends_in_a_body(run, begin):
    """It's noticed before the parser has joined its pieces many times over."""
    sent = Counter()

    def serve(connection, number):
        receive_request(connection)
        connection.sendall(begin)
        while sent[0] < 100 << 20:
            connection.sendall(b"a" * 65536)
            sent[0] += 65536

    async def main(port):
        with pytest.raises(StreamBroken, match="64 KiB"):
            await ask(run.wire("127.0.0.1", port, None))

    with Scripted(serve) as server:
        run(main(server.port))
    assert sent[0] < 32 << 20


def test_many_trailers_and_small_chunks_are_fine(upstream, wire, run):
    chunks = b"".join(b"1;x=%b\r\nf\r\n" % (b"y" * 50_000) for _ in range(20))
    trailers = b"".join(b"X-%d: %b\r\n" % (number, b"z" * 1000) for number in range(50))
    upstream.script(Reply.raw(OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n" + trailers + b"\r\n"))
    assert run(ask(wire)) == b"f" * 20


# a kept connection that closes without an answer


def late(connection, number, wait):
    """The first request is answered, the next one taken; `wait` then says when the connection closes."""
    receive_request(connection)
    connection.sendall(FINE)
    if number == 1 and receive_request(connection):
        wait(connection)
    elif number > 1:
        receive_request(connection)


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_request_that_was_taken_is_not_sent_again_unseen(run, method):
    """It may have been carried out: whether to ask again is for those who count (RFC 9110 9.2.2)."""
    taken, closing = threading.Event(), threading.Event()

    def wait(connection):
        taken.set()
        closing.wait(PATIENCE)

    async def main(port):
        wire = run.wire("127.0.0.1", port, None)
        assert await ask(wire) == b"fine"
        asking = asyncio.create_task(send(wire, method))
        await asyncio.to_thread(taken.wait, PATIENCE)
        loop = asyncio.get_running_loop()
        loop.call_later(0.8, closing.set)
        with pytest.raises(NetworkError, match="without an answer"):
            await asking

    with Scripted(lambda connection, number: late(connection, number, wait)) as server:
        run(main(server.port))
        assert server.connections == 1
