"""The gateway's HTTP/1.1 client over real sockets, on both event loops."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import Counter

import pytest

from llmctl.client.deadline import Deadline
from llmctl.client.tls import make_context
from llmctl.config.target import Timeouts, Tls
from llmctl.errors import (
    ConnectFailed,
    ConnectTimeout,
    DnsFailed,
    FirstTokenTimeout,
    IdleTimeout,
    NetworkError,
    NotUnderstood,
    StreamBroken,
    TlsFailed,
    TotalTimeout,
)
from support.loops import PATIENCE, Scripted, ask, deadline, read, receive_request, send, until
from support.upstream import Cut, Hang, Raw, Reply, Reset, free_port

FINE = Reply(200, {"X-Name": "fine"}, body=b"fine")


# bodies


@pytest.mark.parametrize(
    "reply",
    [
        FINE,
        Reply.stream([b"fi", b"ne"]),
        Reply.stream([b"fi", b"ne"], chunked=False),
        Reply.raw(b"HTTP/1.0 200 OK\r\n\r\nfine"),
        Reply.raw(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nfine\r\n0\r\nX-After: 1\r\n\r\n"
        ),
        Reply.raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hi\r\nLink: x\r\n\r\n" + FINE.head() + b"fine"),
    ],
    ids=["length", "chunks", "until-close", "http-1.0", "trailers", "1xx"],
)
def test_a_body_comes_whole(upstream, wire, run, reply):
    async def main():
        got = await send(wire, "POST", b"{}")
        assert (got.status, await read(got)) == (200, b"fine")
        assert not any(name in (b"link", b"x-after") for name, _ in got.headers)

    upstream.script(reply)
    run(main())
    assert (upstream.last.method, upstream.last.body) == ("POST", b"{}")


def test_names_of_headers_are_lower_case_and_repeated_ones_stay(upstream, wire, run):
    async def main():
        reply = await send(wire)
        assert [pair for pair in reply.headers if pair[0].startswith(b"x-")] == [(b"x-a", b"1"), (b"x-a", b"2")]

    upstream.script(Reply(200, [("X-A", "1"), ("x-a", "2")]))
    run(main())


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body(upstream, wire, run, status):
    async def main():
        assert await ask(wire) == b""
        assert await ask(wire) == b"fine"

    upstream.script(Reply(status), FINE)
    run(main())


def test_head_has_no_body(upstream, wire, run):
    async def main():
        reply = await send(wire, "HEAD")
        assert (b"content-length", b"4") in reply.headers
        assert await read(reply) == b""
        assert await ask(wire) == b"fine"

    upstream.default = FINE
    run(main())


def test_a_large_body_both_ways(upstream, wire, run):
    large = bytes(range(256)) * 20_000
    upstream.default = lambda request: Reply(200, body=request.body)
    assert run(ask(wire, "POST", large)) == large


# connections


def test_a_connection_is_used_again(upstream, wire, run):
    async def main():
        for _ in range(3):
            assert await ask(wire) == b"fine"

    upstream.default = FINE
    run(main())
    assert upstream.connections == 1


def test_requests_at_once_have_a_connection_each(upstream, wire, run):
    async def main():
        assert await asyncio.gather(*(ask(wire) for _ in range(5))) == [b"fine"] * 5
        assert await asyncio.gather(*(ask(wire) for _ in range(5))) == [b"fine"] * 5

    barrier = threading.Barrier(5)

    def together(_):
        barrier.wait(PATIENCE)
        return FINE

    upstream.default = together
    run(main())
    assert upstream.connections == 5


@pytest.mark.parametrize(
    "reply",
    [Reply(200, body=b"fine", close=True), Reply.stream([b"fine"], chunked=False)],
    ids=["connection: close", "until close"],
)
def test_a_connection_that_ends_is_not_used_again(upstream, wire, run, reply):
    async def main():
        assert [await ask(wire), await ask(wire)] == [b"fine", b"fine"]

    upstream.default = reply
    run(main())
    assert upstream.connections == 2


def test_a_connection_that_was_closed_while_it_was_idle_costs_one_more_try(run):
    """The server closes at the second request, as if its time had run out just then."""

    def serve(connection, number):
        receive_request(connection)
        connection.sendall(FINE.head() + b"fine")
        if number == 1:
            receive_request(connection)
        else:
            receive_request(connection) and connection.sendall(FINE.head() + b"fine")

    async def main(port):
        wire = run.wire("127.0.0.1", port, None)
        return [await ask(wire) for _ in range(2)]

    with Scripted(serve) as server:
        assert run(main(server.port)) == [b"fine", b"fine"]
        assert server.connections == 2


def test_a_request_that_ends_every_connection_is_not_tried_for_ever(run):
    """Five connections are idle; a request that kills the server must not go to each of them."""
    seen = Counter()
    barrier = threading.Barrier(5)

    def serve(connection, number):
        if number <= 5:
            receive_request(connection)
            barrier.wait(PATIENCE)
            connection.sendall(FINE.head() + b"fine")
        receive_request(connection)
        seen["killed"] += 1

    async def main(port):
        wire = run.wire("127.0.0.1", port, None)
        await asyncio.gather(*(ask(wire) for _ in range(5)))
        with pytest.raises(NetworkError, match="without an answer"):
            await ask(wire)
        assert seen["killed"] == 2

    with Scripted(serve) as server:
        run(main(server.port))


def test_two_replies_in_one_packet_are_no_answer_to_the_next_request(run):
    """Whatever follows a reply unasked, whole or in part, never reaches another request."""
    stray = Reply(200, body=b"stray").head()

    def serve(connection, number):
        receive_request(connection)
        if number == 1:
            connection.sendall(FINE.head() + b"fine" + stray + b"st")
            receive_request(connection)
            connection.sendall(b"ray" + FINE.head() + b"fine")
        else:
            connection.sendall(FINE.head() + b"fine")

    async def main(port):
        wire = run.wire("127.0.0.1", port, None)
        return [await ask(wire), await ask(wire)]

    with Scripted(serve) as server:
        assert run(main(server.port)) == [b"fine", b"fine"]
        assert server.connections == 2


def test_bytes_that_nobody_asked_for_end_an_idle_connection(run):
    said = threading.Event()

    def serve(connection, number):
        receive_request(connection)
        connection.sendall(FINE.head() + b"fine")
        if number == 1:
            said.wait(PATIENCE)
            connection.sendall(FINE.head() + b"more")
            assert not receive_request(connection)

    async def main(port):
        wire = run.wire("127.0.0.1", port, None)
        assert await ask(wire) == b"fine"
        said.set()
        await until(lambda: not wire._idle)
        assert await ask(wire) == b"fine"

    with Scripted(serve) as server:
        run(main(server.port))
        assert server.connections == 2


def test_close_ends_idle_connections_and_what_runs_ends_by_itself(upstream, wire, run):
    gate = upstream.gate()

    async def main():
        assert await ask(wire) == b"fine"
        running = await send(wire)
        await ask(wire)
        wire.close()
        await asyncio.to_thread(upstream.wait_closed, 1)
        gate.open()
        assert await read(running) == b"late"
        await asyncio.to_thread(upstream.wait_closed, 0)

    upstream.script(FINE, Reply.stream([b"", gate, b"late"]), FINE)
    run(main())


def test_cancelling_closes_the_socket(upstream, wire, run):
    async def main():
        task = asyncio.create_task(send(wire))
        await asyncio.to_thread(upstream.wait_requests, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(upstream.wait_closed, 0)

    upstream.script(Reply.hang())
    run(main())


def test_closing_a_reply_in_the_middle_closes_the_socket(upstream, wire, run):
    async def main():
        reply = await send(wire)
        assert await reply.read() == b"begun"
        task = asyncio.create_task(reply.read())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await reply.close()
        await asyncio.to_thread(upstream.wait_closed, 0)

    upstream.script(Reply.stream([b"begun", Hang()]))
    run(main())


def test_cancelling_while_it_connects_closes_the_socket(run):
    accepted = threading.Event()
    ended = threading.Event()

    def serve(connection, number):
        accepted.set()
        while connection.recv(65536):
            pass
        ended.set()

    async def main(port):
        task = asyncio.create_task(ask(run.wire("127.0.0.1", port, make_context(Tls(verify=False), {}))))
        await asyncio.to_thread(accepted.wait, PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(ended.wait, PATIENCE)

    with Scripted(serve) as server:
        run(main(server.port))


# failures


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply.refuse(), NetworkError, "closed the connection without an answer"),
        (Reply.reset(), NetworkError, "closed the connection without an answer"),
        (Reply.raw(b"SSH-2.0-OpenSSH_9.2\r\n"), NotUnderstood, "does not answer in HTTP"),
        (Reply.raw(b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"), NotUnderstood, "101"),
        (Reply.raw(b"HTTP/1.1 200 OK\r\nContent-Le"), NetworkError, "without an answer"),
        (Reply.raw(b"HTTP/1.1 200 OK\r\n" + b"X-Flood: 1234567890\r\n" * 50_000), NotUnderstood, "64 KiB"),
        (Reply.raw(b"HTTP/1.1 200 OK\r\nX-Flood: " + b"1" * 2_000_000), NotUnderstood, "64 KiB"),
        (Reply.raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 50_000), NotUnderstood, "64 KiB"),
    ],
    ids=["closed", "reset", "garbage", "upgrade", "half a head", "headers", "one header", "continue"],
)
def test_no_reply(upstream, wire, run, reply, kind, words):
    upstream.script(reply)
    with pytest.raises(kind, match=words) as failure:
        run(ask(wire))
    assert wire.address in failure.value.message
    assert type(failure.value) is kind


@pytest.mark.parametrize(
    "reply",
    [
        Reply.stream([b"first", Cut()]),
        Reply.stream([b"first", Cut()], content_length=100, chunked=False),
        Reply.stream([b"first", Reset()], chunked=False),
        Reply.stream([b"first", Raw(b"zz\r\nno chunk"), Cut()]),
    ],
    ids=["chunks", "length", "reset", "garbage"],
)
def test_a_reply_that_breaks_off(upstream, wire, run, reply):
    async def main():
        got = await send(wire)
        with pytest.raises(StreamBroken, match="broke off"):
            while await got.read():
                pass
        assert not got.ended

    upstream.script(reply)
    run(main())


def test_nobody_listens(run):
    with pytest.raises(ConnectFailed, match=r"no connection to 127\.0\.0\.1:\d+"):
        run(ask(run.wire("127.0.0.1", free_port(), None)))


@pytest.mark.parametrize("name", ["nowhere.invalid", "a" * 64 + ".example", "ä..example"])
def test_a_name_that_is_none(run, name):
    with pytest.raises(DnsFailed, match="can't be resolved"):
        run(ask(run.wire(name, 80, None)))


def test_tls_is_checked(run, secure, certificates):
    secure.default = FINE
    trusting, suspicious = make_context(Tls(ca_bundle=certificates.bundle), {}), make_context(Tls(), {})

    async def main():
        wire = run.wire("127.0.0.1", secure.port, trusting)
        assert [await ask(wire), await ask(wire)] == [b"fine", b"fine"]
        with pytest.raises(TlsFailed, match="can't be trusted"):
            await ask(run.wire("127.0.0.1", secure.port, suspicious))

    run(main())


# time


def test_a_connection_that_takes_too_long(run):
    """The server takes the connection and says nothing to TLS."""

    def serve(connection, number):
        while connection.recv(65536):
            pass

    async def main(port):
        with pytest.raises(ConnectTimeout, match=r"no connection to 127\.0\.0\.1"):
            await ask(
                run.wire("127.0.0.1", port, make_context(Tls(verify=False), {})), limits=deadline(connect=0.1)
            )

    with Scripted(serve) as server:
        run(main(server.port))


@pytest.mark.parametrize(
    ("limits", "kind"), [({"first_token": 0.1}, FirstTokenTimeout), ({"total": 0.1}, TotalTimeout)]
)
@pytest.mark.parametrize("reply", [Reply.hang(), Reply.stream([b"begun", Hang()])], ids=["silent", "begun"])
def test_an_answer_that_takes_too_long(upstream, wire, run, limits, kind, reply):
    async def main():
        with pytest.raises(kind):
            await ask(wire, limits=deadline(True, **limits))
        await asyncio.to_thread(upstream.wait_closed, 0)

    upstream.script(reply)
    run(main())


def test_a_stream_that_falls_silent(upstream, wire, run):
    async def main():
        limits = deadline(True, idle=0.1)
        reply = await send(wire, limits=limits)
        assert await reply.read() == b"begun"
        limits.token()
        with pytest.raises(IdleTimeout):
            await reply.read()

    upstream.script(Reply.stream([b"begun", Hang()]))
    run(main())


def test_a_limit_that_is_over_already_sends_nothing(upstream, wire, run):
    async def main():
        assert await ask(wire) == b"fine"
        clock = [0.0]
        limits = Deadline(Timeouts(total=5), lambda: clock[0])
        limits.start_attempt(False)
        clock[0] = 6.0
        with pytest.raises(TotalTimeout):
            await ask(wire, limits=limits)

    upstream.default = FINE
    run(main())
    assert len(upstream.requests) == 1


# a slow reader


def test_a_slow_reader_stops_the_sender_and_is_no_silence(run):
    """The server can send only so much while nobody reads, and what waits for the reader is no timeout."""
    total, sent, stuck = 64 * 1024 * 1024, [0], threading.Event()

    def serve(connection, number):
        receive_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        connection.settimeout(1)
        block = b"x" * 65536
        while sent[0] < total:
            try:
                sent[0] += connection.send(block)
            except TimeoutError:
                stuck.set()

    async def main(port):
        limits = deadline(True, idle=0.2)
        reply = await send(run.wire("127.0.0.1", port, None), limits=limits)
        limits.token()
        assert await asyncio.to_thread(stuck.wait, PATIENCE)
        held = sent[0]
        count = 0
        while part := await reply.read():
            limits.alive()
            count += len(part)
        return held, count

    with Scripted(serve) as server:
        held, count = run(main(server.port))
    assert count == total
    assert held < total / 2


def test_waking_a_reader_for_whom_nothing_has_come(upstream, wire, run):
    gate = upstream.gate()

    async def main():
        reply = await send(wire)
        assert await reply.read() == b"begun"
        waiting = asyncio.create_task(reply.read())
        await asyncio.sleep(0)
        reply.nudge()
        assert (await waiting, reply.ended) == (b"", False)
        gate.open()
        assert (await reply.read(), await reply.read(), reply.ended) == (b"end", b"", True)

    upstream.script(Reply.stream([b"begun", gate, b"end"]))
    run(main())


# uploads


async def pieces(*parts):
    for part in parts:
        await asyncio.sleep(0)
        yield part


def test_a_body_in_pieces(upstream, wire, run):
    async def main():
        chunks = pieces(b"3\r\nabc\r\n", b"2\r\nde\r\n", b"0\r\n\r\n")
        assert await ask(wire, "POST", more=chunks, headers=b"transfer-encoding: chunked\r\n") == b"fine"
        assert await ask(wire) == b"fine"

    upstream.default = FINE
    run(main())
    assert upstream.requests[0].body == b"abcde"
    assert upstream.connections == 1


def test_an_upload_that_is_answered_early_is_not_mixed_into_another_request(run):
    """The rest of a body that was refused must not follow on a connection that others use."""
    answered, bodies = threading.Event(), []

    def serve(connection, number):
        while receive_request(connection):
            bodies.append(number)
            connection.sendall(FINE.head() + b"fine")
            answered.set()

    async def main(port):
        wire = run.wire("127.0.0.1", port, None)
        others = []

        async def slow():
            yield b"first"
            await asyncio.to_thread(answered.wait, PATIENCE)
            others.append(await ask(wire))
            yield b"GET /smuggled HTTP/1.1\r\n\r\n"

        reply = await send(wire, "POST", more=slow(), headers=b"content-length: 1000\r\n")
        assert (await read(reply), others) == (b"fine", [b"fine"])
        assert await ask(wire) == b"fine"
        assert bodies == [1, 2, 2]

    with Scripted(serve) as server:
        run(main(server.port))


def test_an_upload_waits_for_a_slow_server(run):
    total, go = 32 * 1024 * 1024, threading.Event()
    taken, offered = [0], [0]

    def serve(connection, number):
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(4096)
        taken[0] += len(data.partition(b"\r\n\r\n")[2])
        go.wait(PATIENCE)
        while taken[0] < total:
            taken[0] += len(connection.recv(1 << 20))
        connection.sendall(FINE.head() + b"fine")

    async def main(port):
        async def large():
            while offered[0] < total:
                offered[0] += 65536
                yield b"x" * 65536

        task = asyncio.create_task(
            ask(run.wire("127.0.0.1", port, None), "POST", more=large(), headers=b"content-length: %d\r\n" % total)
        )
        before = -1
        while before != offered[0]:
            before = offered[0]
            await asyncio.sleep(0.2)
        assert offered[0] < total
        go.set()
        assert await task == b"fine"

    with Scripted(serve) as server:
        run(main(server.port))
    assert taken[0] == total


def test_an_upload_whose_client_fails_closes_the_connection(upstream, wire, run):
    async def main():
        async def broken():
            yield b"a"
            raise ConnectionError("the client has gone")

        with pytest.raises(ConnectionError):
            await send(wire, "POST", more=broken(), headers=b"content-length: 9\r\n")
        await asyncio.to_thread(upstream.wait_closed, 0)

    upstream.default = FINE
    run(main())


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sockets of the gateway's machines")
