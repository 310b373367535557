"""A transport that tells a listener what goes over the wire."""

from __future__ import annotations

from typing import Any

import pytest

from llmctl import Client, LlmctlError, Target
from llmctl.client.blocking import BlockingTransport, drive
from llmctl.client.trace import TracedTransport
from support.upstream import Reply
from support.wire import chunk, completion, error_body, text_stream


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []
        self.body = b""

    def sent(self, number: int, request: Any) -> None:
        self.lines.append(("sent", number, request.method))

    def replied(self, number: int, reply: Any, seconds: float) -> None:
        self.lines.append(("replied", number, reply.status))

    def received(self, number: int, data: bytes) -> None:
        self.body += data

    def ended(self, number: int, seconds: float, size: int, error: LlmctlError | None) -> None:
        self.lines.append(("ended", number, size, type(error).__name__ if error else None))


@pytest.fixture
def ask(upstream):
    """ask(call): what a listener hears of `call(client)`, and the error that it ended with."""

    def run(call, retries=0):
        heard, error = Heard(), None
        target = Target("work", f"{upstream.url}/v1", model="m", retries=retries)

        async def closing() -> None:
            transport = TracedTransport(BlockingTransport(target.tls, None, {}), heard)
            async with Client(target, transport=transport) as client:
                await call(client)

        try:
            drive(closing())
        except LlmctlError as raised:
            error = raised
        return heard, error

    return run


async def whole(client):
    await client.chat("Hi")


async def streamed(client):
    async for _ in client.stream("Hi"):
        pass


async def first_event(client):
    async with client.stream("Hi") as stream:
        async for _ in stream:
            return


def test_a_whole_answer(ask, upstream):
    upstream.script(Reply(body=completion("Fine.")))
    heard, error = ask(whole)
    assert error is None
    assert heard.lines == [("sent", 1, "POST"), ("replied", 1, 200), ("ended", 1, len(heard.body), None)]
    assert b"Fine." in heard.body


def test_a_stream_is_passed_on_byte_by_byte(ask, upstream):
    upstream.script(Reply.sse(*text_stream("Fi", "ne.")))
    heard, _ = ask(streamed)
    assert heard.body.endswith(b"data: [DONE]\n\n")
    assert heard.lines[-1] == ("ended", 1, len(heard.body), None)


def test_each_attempt_is_told_with_its_number(ask, upstream):
    upstream.script(Reply(503, {"Retry-After": "0"}, error_body("busy")), Reply(body=completion("Fine.")))
    heard, error = ask(whole, retries=1)
    assert error is None
    assert [line[:2] for line in heard.lines] == [
        *(("sent", 1), ("replied", 1), ("ended", 1)),
        *(("sent", 2), ("replied", 2), ("ended", 2)),
    ]


def test_a_connection_that_fails(ask, upstream):
    upstream.script(Reply.reset())
    heard, error = ask(whole)
    assert heard.lines == [("sent", 1, "POST"), ("ended", 1, 0, type(error).__name__)]


def test_a_stream_that_breaks(ask, upstream):
    upstream.script(Reply.sse(chunk("half"), *Reply.refuse().steps[1:], done=False))
    heard, error = ask(streamed)
    kind, number, size, name = heard.lines[-1]
    assert (kind, number, size, bool(name)) == ("ended", 1, len(heard.body), True)
    assert error is not None


def test_a_stream_that_is_left_ends_at_once(ask, upstream):
    upstream.script(Reply.sse(chunk("half"), upstream.gate()))
    heard, _ = ask(first_event)
    upstream.wait_closed()
    assert [line[0] for line in heard.lines] == ["sent", "replied", "ended"]
