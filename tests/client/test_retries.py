"""What is tried again, how often, and when."""

from __future__ import annotations

import pytest

from llmctl import RetryPolicy
from llmctl.errors import (
    ConnectFailed,
    KeyRejected,
    NetworkError,
    ProviderFault,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    StreamBroken,
)
from support.upstream import Cut, Reply, refused_url
from support.wire import chunk, completion, error_body, text_stream

FINE = Reply.sse(*text_stream("fine"))


def fault(status, headers=(), code=None):
    return Reply(status, headers, error_body(f"fault {status}", code=code))


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 520, 529])
def test_tried_again_until_it_works(runner, target, upstream, status):
    upstream.script(fault(status), fault(status), FINE)
    waits = []

    async def call(client):
        stream = client.stream("Hi")
        async for _ in stream:
            pass
        return stream.answer.content, stream.summary.attempts

    assert runner(target, call, on_retry=waits.append) == ("fine", 3)
    assert [wait.cause.status for wait in waits] == [status, status]
    assert len(upstream.requests) == 3
    assert len({request.body for request in upstream.requests}) == 1


@pytest.mark.parametrize("status", [408, 429, 500])
@pytest.mark.parametrize("retries", [0, 2])
def test_given_up_after_as_many_retries_as_the_policy_says(runner, target, upstream, status, retries):
    upstream.default = fault(status)
    with pytest.raises((ProviderFault, RateLimited)) as failure:
        runner(target, lambda client: client.chat("Hi"), RetryPolicy(retries, base=0.001))
    assert len(upstream.requests) == failure.value.attempts == retries + 1


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (429, "insufficient_quota", QuotaExhausted),
        (402, None, QuotaExhausted),
        (400, None, RequestRefused),
        (401, None, KeyRejected),
        (422, None, RequestRefused),
        (413, None, RequestRefused),
    ],
)
def test_never_tried_again(runner, target, upstream, status, code, error):
    upstream.default = fault(status, code=code)
    with pytest.raises(error):
        runner(target, lambda client: client.chat("Hi"))
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("broken", [Reply.refuse(), Reply.reset()], ids=["closed", "reset"])
def test_a_connection_that_ends_without_an_answer_is_tried_again(runner, target, upstream, broken):
    upstream.script(broken, broken, FINE)
    assert runner.chat(target).content == "fine"
    assert len(upstream.requests) == 3


def test_a_connection_that_always_ends_without_an_answer(runner, target, upstream):
    upstream.default = Reply.refuse()
    with pytest.raises(NetworkError, match="without an answer") as failure:
        runner.chat(target)
    assert (failure.value.exit_code, failure.value.attempts) == (8, 3)


def test_a_refused_connection_is_tried_again(runner, target_of):
    waits = []
    with pytest.raises(ConnectFailed) as failure:
        runner(target_of(refused_url()), lambda client: client.chat("Hi"), on_retry=waits.append)
    assert (len(waits), failure.value.attempts) == (2, 3)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After-Ms": "1.5"}, 0.0015),
        ({"Retry-After": "0.002"}, 0.002),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After-Ms": "1", "Retry-After": "30"}, 0.001),
        ({"Retry-After": "Fri, 20 Nov 2026 10:00:00 GMT", "Date": "Fri, 20 Nov 2026 10:00:00 GMT"}, 0),
        ({"Retry-After": "Fri, 20 Nov 2026 09:00:00 GMT", "Date": "Fri, 20 Nov 2026 10:00:00 GMT"}, 0),
    ],
)
def test_retry_after_is_obeyed(runner, target, upstream, headers, seconds):
    upstream.script(fault(429, headers), FINE)
    waits = []
    runner(target, _chat, RetryPolicy(base=30, longest=30), on_retry=waits.append)
    assert [wait.seconds for wait in waits] == [pytest.approx(seconds)]
    assert len(upstream.requests) == 2


async def _chat(client):
    async for _ in client.stream("Hi"):
        pass


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "inf", ""])
def test_a_retry_after_that_means_nothing_leaves_the_usual_delay(runner, target, upstream, value):
    upstream.script(fault(429, {"Retry-After": value}), FINE)
    waits = []
    runner(target, _chat, on_retry=waits.append)
    assert len(waits) == 1
    assert 0 < waits[0].seconds <= 0.002


@pytest.mark.parametrize("headers", [{"Retry-After": "61"}, {"Retry-After-Ms": "3600000"}])
def test_a_longer_wait_than_the_cap_is_not_waited_for(runner, target, upstream, headers):
    upstream.default = fault(429, headers)
    with pytest.raises(RateLimited) as failure:
        runner.chat(target)
    assert failure.value.retry_after >= 61
    assert len(upstream.requests) == 1


def test_a_wait_beyond_the_total_limit_is_not_begun(runner, target_of, upstream):
    upstream.default = fault(429, {"Retry-After": "30"})
    with pytest.raises(RateLimited):
        runner.chat(target_of(upstream, timeout={"total": 5}))
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    "end",
    [Cut(), 'data: {"error": {"message": "overloaded", "code": 503}}\n\n', "data: {garbage\n\n"],
    ids=["cut", "error", "garbage"],
)
def test_nothing_is_tried_again_after_the_first_event(runner, target, upstream, end):
    end = end.encode() if isinstance(end, str) else end
    upstream.default = Reply.sse(chunk("", role="assistant"), chunk("half an"), end, done=False)
    with pytest.raises((StreamBroken, ProviderFault)) as failure:
        runner.chat(target)
    assert failure.value.partial == "half an"
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    "begin",
    [
        [chunk("", role="assistant"), Cut()],
        [b": ping\n\n", Cut()],
        [b": ping\n\n", b'data: {"error": {"message": "overloaded", "code": 503}}\n\n'],
        [b'event: error\ndata: {"message": "overloaded", "code": 503}\n\n'],
    ],
    ids=["role only", "comment only", "error first", "error event"],
)
def test_a_stream_that_fails_before_its_first_event_is_tried_again(runner, target, upstream, begin):
    upstream.script(Reply.sse(*begin, done=False), Reply.sse(*begin, done=False), FINE)
    assert runner.chat(target).content == "fine"
    assert len(upstream.requests) == 3


def test_an_error_inside_a_200_answer_is_tried_again_if_it_may_pass(runner, target, upstream):
    upstream.script(Reply(body=error_body("busy", code=503)), Reply(body=completion("fine")))
    assert runner(target, lambda client: client.chat("Hi")).content == "fine"


def test_an_answer_that_is_no_json_is_not_tried_again(runner, target, upstream):
    upstream.default = Reply(body=b"{nonsense")
    with pytest.raises(ProviderFault) as failure:
        runner(target, lambda client: client.chat("Hi"))
    assert (failure.value.code, len(upstream.requests)) == ("not_understood", 1)


def test_the_partial_answer_of_a_broken_whole_body_is_tried_again(runner, target, upstream):
    whole = Reply(body=completion("fine"))
    broken = Reply(200, body=whole.payload()[:40], content_length=len(whole.payload()), close=True)
    upstream.script(broken, whole)
    assert runner(target, lambda client: client.chat("Hi")).content == "fine"


def test_each_batch_of_embeddings_is_tried_again_by_itself(runner, target_of, upstream):
    from llmctl import Quirks
    from support.wire import embeddings

    rows = Reply(body=embeddings([1.0]))
    upstream.script(rows, fault(500), rows)
    target = target_of(upstream, quirks=lambda _model: Quirks(embedding_batch=1))
    assert len(runner(target, lambda client: client.embed(["a", "b"])).vectors) == 2
    assert [request.json()["input"] for request in upstream.requests] == [["a"], ["b"], ["b"]]
