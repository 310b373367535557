"""The four time limits, each with an error of its own."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from llmctl import RetryPolicy
from llmctl.errors import ConnectTimeout, FirstTokenTimeout, IdleTimeout, TotalTimeout
from support.upstream import Delay, Hang, Raw, Reply, Upstream
from support.wire import chunk, completion, text_stream

ONCE = RetryPolicy(retries=0)
SHORT = 0.15
PAUSE = 0.03
"""Often enough for a limit on silence, seldom enough to reach the others within a few."""


def trickle(step, times=30):
    return [part for _ in range(times) for part in (step, Delay(PAUSE))]


def never_reached(gate):
    """Whether the client had gone before the upstream came to this gate, which stands after 6 x SHORT."""
    with pytest.raises(AssertionError, match="didn't reach"):
        gate.wait_reached(0)
    return True


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port on which connecting never ends: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            queued = stack.enter_context(socket.socket())
            queued.setblocking(False)
            queued.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_connect(runner, target_of, silent_port, scheme):
    target = target_of(f"{scheme}://127.0.0.1:{silent_port}", timeout={"connect": SHORT})
    with pytest.raises(ConnectTimeout) as failure:
        runner(target, lambda client: client.chat("Hi"), ONCE)
    assert f"127.0.0.1:{silent_port} within 0.15 s (timeout.connect)" in failure.value.message
    assert (failure.value.exit_code, failure.value.code) == (9, "timeout_connect")


def test_a_connection_that_does_not_come_about_is_tried_again(runner, target_of, silent_port):
    with pytest.raises(ConnectTimeout) as failure:
        runner.chat(target_of(f"http://127.0.0.1:{silent_port}", timeout={"connect": 0.05}))
    assert failure.value.attempts == 3


def test_a_server_that_never_shakes_hands_counts_as_connecting(runner, target_of, silent_port):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = target_of(f"https://127.0.0.1:{listener.getsockname()[1]}", timeout={"connect": SHORT})
        with pytest.raises(ConnectTimeout):
            runner(target, lambda client: client.chat("Hi"), ONCE)


def test_a_proxy_that_never_answers_counts_as_connecting(runner, target_of):
    with Upstream() as proxy:
        proxy.route("CONNECT", Reply.hang())
        target = target_of("https://llm.example.com", timeout={"connect": SHORT, "total": 1}, proxy=proxy.url)
        with pytest.raises(ConnectTimeout):
            runner(target, lambda client: client.chat("Hi"), ONCE)
        proxy.wait_closed()


def test_connecting_within_a_shorter_total_limit_names_the_total(runner, target_of, silent_port):
    target = target_of(f"http://127.0.0.1:{silent_port}", timeout={"connect": 10, "total": SHORT})
    with pytest.raises(TotalTimeout, match=r"0\.15 s \(timeout\.total\)"):
        runner(target, lambda client: client.chat("Hi"), ONCE)


OK = b"HTTP/1.1 200 OK\r\n"


NEVER_A_TOKEN = {
    "no headers": lambda late: Reply.hang(),
    "only headers": lambda late: Reply.sse(Hang()),
    "only the role": lambda late: Reply.sse(chunk("", role="assistant"), Hang()),
    "keep-alive comments": lambda late: Reply.sse(*trickle(b": keep-alive\n\n"), late),
    "blank lines": lambda late: Reply.stream(
        [*trickle(b"\n"), late], headers={"Content-Type": "application/json"}
    ),
    "headers without end": lambda late: endless(OK, b"x: y\r\n", late),
    "a header without end": lambda late: endless(OK + b"x: ", b"y", late),
    "a chunk size without end": lambda late: endless(OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"y", late),
}


def endless(head, piece, late):
    return Reply(steps=(Raw(head), *trickle(Raw(piece)), late), bare=True)


@pytest.mark.parametrize("reply", NEVER_A_TOKEN.values(), ids=NEVER_A_TOKEN)
def test_first_token(runner, target_of, upstream, reply):
    late = upstream.gate("late")
    upstream.default = reply(late)
    target = target_of(upstream, timeout={"first_token": SHORT, "idle": 30, "total": 30})
    with pytest.raises(FirstTokenTimeout) as failure:
        runner.chat(target)
    assert "no token came within 0.15 s (timeout.first_token)" in failure.value.message
    assert (failure.value.exit_code, failure.value.code) == (9, "timeout_first_token")
    upstream.wait_closed()
    assert never_reached(late)
    assert len(upstream.requests) == 1


def test_the_first_token_s_limit_begins_anew_with_each_attempt(runner, target_of, upstream):
    slow = Reply.stream([Delay(0.2)], status=500)
    upstream.script(slow, slow, Reply.sse(Delay(0.2), *text_stream("fine")))
    assert runner.chat(target_of(upstream, timeout={"first_token": 0.5})).content == "fine"


@pytest.mark.parametrize("first", [chunk("a"), chunk(reasoning_content="hm")], ids=["text", "reasoning"])
def test_idle(runner, target_of, upstream, first):
    upstream.script(Reply.sse(first, Hang()))
    target = target_of(upstream, timeout={"idle": SHORT, "first_token": 30, "total": 30})
    with pytest.raises(IdleTimeout) as failure:
        runner.chat(target)
    assert "nothing came for 0.15 s in the middle of the answer (timeout.idle)" in failure.value.message
    assert failure.value.partial == ("a" if "content" in first["choices"][0]["delta"] else None)
    upstream.wait_closed()


def test_comments_keep_a_begun_answer_alive(runner, target_of, upstream):
    upstream.script(Reply.sse(chunk("a"), *trickle(b": ping\n\n", 20), chunk("b", finish="stop")))
    assert runner.chat(target_of(upstream, timeout={"idle": 0.3})).content == "ab"


def test_total_of_a_stream_that_goes_on_and_on(runner, target_of, upstream):
    late = upstream.gate("late")
    upstream.script(Reply.sse(*trickle(b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'), late))
    with pytest.raises(TotalTimeout) as failure:
        runner.chat(target_of(upstream, timeout={"total": SHORT}))
    assert "not complete within 0.15 s (timeout.total)" in failure.value.message
    assert set(failure.value.partial) == {"a"}
    upstream.wait_closed()
    assert never_reached(late)


NEVER_WHOLE = {
    "no headers": lambda late: Reply.hang(),
    "half a body": lambda late: Reply.stream([b"{", Hang()]),
    "blanks": lambda late: Reply.stream([*trickle(b" "), late]),
    "headers without end": lambda late: endless(OK, b"x: y\r\n", late),
}


@pytest.mark.parametrize("reply", NEVER_WHOLE.values(), ids=NEVER_WHOLE)
def test_total_is_the_limit_of_a_whole_answer(runner, target_of, upstream, reply):
    late = upstream.gate("late")
    upstream.script(reply(late))
    target = target_of(upstream, timeout={"total": SHORT, "first_token": 0.01, "idle": 0.01})
    with pytest.raises(TotalTimeout):
        runner(target, lambda client: client.chat("Hi"))
    upstream.wait_closed()
    assert never_reached(late)


def test_a_whole_answer_knows_neither_first_token_nor_idle(runner, target_of, upstream):
    body = Reply(body=completion("fine")).payload()
    upstream.script(Reply.stream([Delay(0.1), body[:10], Delay(0.1), body[10:]]))
    target = target_of(upstream, timeout={"first_token": 0.01, "idle": 0.01})
    assert runner(target, lambda client: client.chat("Hi")).content == "fine"


def test_total_counts_over_all_attempts(runner, target_of, upstream):
    upstream.default = Reply.stream([Delay(0.1)], status=500)
    target = target_of(upstream, timeout={"total": 0.35})
    with pytest.raises(TotalTimeout):
        runner(target, lambda client: client.chat("Hi"), RetryPolicy(retries=20, base=0.001))
    assert 2 <= len(upstream.requests) <= 4


def test_an_error_s_body_that_hangs_is_given_up(runner, target_of, upstream):
    upstream.script(Reply.stream([b'{"error": ', Hang()], status=400))
    with pytest.raises((FirstTokenTimeout, TotalTimeout)):
        runner.chat(target_of(upstream, timeout={"first_token": SHORT}))
    upstream.wait_closed(timeout=2)
