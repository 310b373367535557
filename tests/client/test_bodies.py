"""Broken bodies, strange encodings, and connections that are let go."""

from __future__ import annotations

import gzip
import zlib

import pytest

from llmctl import LlmctlError, RetryPolicy, Text
from llmctl.errors import NotUnderstood, StreamBroken
from support.upstream import Cut, Gate, Hang, Raw, Reply, Reset
from support.wire import chunk, completion, text_stream

ONCE = RetryPolicy(retries=0)
WHOLE = Reply(body=completion("fine")).payload()
SSE = b"".join(Reply.sse(*text_stream("fi", "ne")).steps)


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


async def chat(client):
    return (await client.chat("Hi")).content


CUT = {
    "cut": Reply.stream([WHOLE[:20], Cut()]),
    "reset": Reply.stream([WHOLE[:20], Reset()]),
    "short": Reply(body=WHOLE[:20], content_length=len(WHOLE), close=True),
    "bad chunk size": Reply.stream([WHOLE[:20], Raw(b"zz\r\n"), Cut()]),
    "chunk size below zero": Reply.stream([WHOLE[:20], Raw(b"-5\r\n"), Cut()]),
    "chunk cut": Reply.stream([WHOLE[:20], Raw(b"ff\r\nabc"), Cut()]),
}


@pytest.mark.parametrize("reply", CUT.values(), ids=CUT)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_body_that_breaks_off(runner, target, upstream, reply, streamed):
    upstream.script(reply)
    with pytest.raises(StreamBroken) as failure:
        runner(target, _drained if streamed else chat, ONCE)
    assert (failure.value.exit_code, failure.value.profile) == (10, "work")


async def _drained(client):
    async for _ in client.stream("Hi"):
        pass


@pytest.mark.parametrize("end", [Cut(), Reset(), Raw(b"zz\r\n")], ids=["cut", "reset", "bad chunk"])
def test_a_stream_that_breaks_off_keeps_what_came(runner, target, upstream, end):
    gate = Gate()
    upstream.script(Reply.sse(chunk("half"), gate, end, done=False))
    events = []

    async def call(client):
        async for event in client.stream("Hi"):
            events.append(event)
            gate.open()

    with pytest.raises(StreamBroken) as failure:
        runner(target, call)
    assert events == [Text("half")]
    assert failure.value.partial == "half"


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("identity", bytes),
        ("", bytes),
    ],
    ids=["gzip", "x-gzip", "GZIP", "deflate", "raw deflate", "identity", "empty"],
)
def test_compressed_bodies(runner, target, upstream, encoding, pack):
    packed, header = pack(SSE), {"Content-Encoding": encoding}
    upstream.script(
        Reply(200, header, pack(WHOLE)),
        Reply.stream([packed[n : n + 1] for n in range(len(packed))], headers=header),
    )
    assert runner(target, chat) == "fine"
    assert runner.chat(target).content == "fine"
    assert "accept-encoding" not in upstream.last.headers or upstream.last.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br"])
def test_other_encodings_are_refused_by_name(runner, target, upstream, encoding):
    upstream.default = Reply(200, {"Content-Encoding": encoding}, b"\x0b\x02\x80")
    with pytest.raises(NotUnderstood, match=f"compressed with {encoding}"):
        runner(target, chat)
    assert len(upstream.requests) == 1


def test_what_only_claims_to_be_gzip(runner, target, upstream):
    upstream.default = Reply(200, {"Content-Encoding": "gzip"}, WHOLE)
    with pytest.raises(NotUnderstood, match="not valid gzip"):
        runner(target, chat)


def test_gzip_that_is_cut_short_is_noticed(runner, target, upstream):
    packed = gzip.compress(SSE)
    upstream.default = Reply(200, {"Content-Encoding": "gzip"}, packed[: len(packed) // 2])
    with pytest.raises(LlmctlError) as failure:
        runner(target, _drained, ONCE)
    assert failure.value.exit_code in (7, 10)


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"<html>hello</html>\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
    ],
    ids=["ssh", "binary", "status", "html", "header"],
)
def test_garbage_instead_of_http(runner, target, upstream, garbage):
    upstream.default = Reply.raw(garbage)
    with pytest.raises(LlmctlError) as failure:
        runner(target, chat, ONCE)
    assert failure.value.exit_code in (7, 8, 10)
    assert "127.0.0.1" in failure.value.message or failure.value.exit_code == 10


def test_a_huge_header_is_no_answer(runner, target, upstream):
    upstream.default = Reply(200, {"X-Huge": "x" * 300_000}, WHOLE)
    with pytest.raises(NotUnderstood):
        runner(target, chat, ONCE)


def test_large_headers_are_fine(runner, target, upstream):
    upstream.script(Reply(200, {f"X-{n}": "x" * 500 for n in range(60)}, WHOLE))
    assert runner(target, chat) == "fine"


def test_a_reply_before_the_whole_request_is_read_counts(runner, target, upstream):
    upstream.script(Reply(413, body=b"too large", close=True))
    with pytest.raises(LlmctlError) as failure:
        runner(target, lambda client: client.chat("x" * 3_000_000))
    assert failure.value.code == "too_large"


def test_an_interim_reply_is_passed_over(runner, target, upstream):
    head = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(WHOLE)
    upstream.script(Reply.raw(head + WHOLE))
    assert runner(target, chat) == "fine"


# letting go


def test_closing_a_stream_early_hangs_up(runner, target, upstream):
    upstream.script(Reply.sse(chunk("one"), Hang()), Reply.sse(*text_stream("two")))

    async def call(client):
        stream = client.stream("Hi")
        async for _ in stream:
            break
        await stream.close()
        upstream.wait_closed(0)
        return "".join([event.text async for event in client.stream("Hi") if isinstance(event, Text)])

    assert runner(target, call) == "two"


def test_leaving_a_stream_early_hangs_up(runner, target, upstream):
    upstream.script(Reply.sse(chunk("one"), Hang()))

    async def call(client):
        async for event in client.stream("Hi"):
            return event.text
        return None

    assert runner(target, call) == "one"
    upstream.wait_closed(0, timeout=5)


def test_an_error_in_the_caller_s_loop_hangs_up(runner, target, upstream):
    upstream.script(Reply.sse(chunk("one"), Hang()))

    async def call(client):
        async for _ in client.stream("Hi"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        runner(target, call)
    upstream.wait_closed(0, timeout=5)


def test_leaving_raw_bytes_early_hangs_up(runner, target, upstream):
    upstream.script(Reply.sse(chunk("one"), Hang()))

    async def call(client):
        chunks = client.raw_stream([{"role": "user", "content": "Hi"}])
        first = await anext(chunks)
        await chunks.aclose()
        return first

    assert b"one" in runner(target, call)
    upstream.wait_closed(0)


def test_a_cancelled_task_hangs_up(over_httpx, target, upstream):
    import asyncio

    gate = upstream.gate()
    upstream.script(Reply.sse(chunk("one"), gate))

    async def call(client):
        async def read():
            async for _ in client.stream("Hi"):
                started.set()

        started = asyncio.Event()
        task = asyncio.create_task(read())
        await started.wait()
        task.cancel()
        await asyncio.wait([task])
        await asyncio.to_thread(upstream.wait_closed, 0)
        return task.cancelled()

    assert over_httpx(target, call) is True


def test_streams_side_by_side(over_httpx, target, upstream):
    import asyncio

    upstream.default = lambda request: Reply.sse(*text_stream(request.json()["messages"][0]["content"]))

    async def one(client, number):
        return "".join([e.text async for e in client.stream(str(number)) if isinstance(e, Text)])

    async def call(client):
        return await asyncio.gather(*(one(client, number) for number in range(8)))

    assert over_httpx(target, call) == [str(number) for number in range(8)]
