"""The retry policy, driven by plain values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl import errors
from llmctl.core.faults import error_from_reply
from llmctl.core.retry import RetryPolicy, Send, Wait, attempts, delay, may_retry
from llmctl.errors import LlmctlError, RateLimited, RequestRefused, StreamBroken

Outcome = LlmctlError | None


def drive(outcomes: list[Outcome], policy: RetryPolicy = RetryPolicy(), jitter: float = 0.0):  # noqa: B008
    """The instructions, and the error that came out at the end."""
    flow = attempts(policy, lambda: jitter)
    instructions, left = [], list(outcomes)
    try:
        instruction = next(flow)
        while True:
            instructions.append(instruction)
            instruction = flow.send(left.pop(0) if isinstance(instruction, Send) else None)
    except StopIteration:
        return instructions, None
    except LlmctlError as error:
        return instructions, error


def test_success_at_once():
    assert drive([None]) == ([Send(1)], None)


def test_success_after_two_failures():
    first, second = StreamBroken("a"), StreamBroken("b")
    assert drive([first, second, None]) == ([Send(1), Wait(0.5, first), Send(2), Wait(1.0, second), Send(3)], None)


def test_the_last_error_is_raised():
    failures = [StreamBroken(str(number)) for number in range(3)]
    instructions, error = drive([*failures])
    assert error is failures[-1]
    assert error.attempts == 3
    assert [type(instruction) for instruction in instructions] == [Send, Wait, Send, Wait, Send]


def test_no_retries():
    failure = StreamBroken("x")
    assert drive([failure], RetryPolicy(retries=0)) == ([Send(1)], failure)


def test_what_can_not_succeed_is_not_tried_again():
    failure = RequestRefused("x", status=400)
    assert drive([failure]) == ([Send(1)], failure)
    assert failure.attempts == 1


def test_a_refusal_after_a_fault_ends_it():
    failure = RequestRefused("x", status=400)
    assert drive([StreamBroken("y"), failure])[1] is failure


@pytest.mark.parametrize(
    ("error", "again"),
    [
        *[(getattr(errors, name)("x"), True) for name in ("RateLimited", "ProviderFault", "Overloaded")],
        *[(getattr(errors, name)("x"), True) for name in ("NetworkError", "DnsFailed", "ConnectFailed")],
        *[(getattr(errors, name)("x"), True) for name in ("ConnectTimeout", "StreamBroken")],
        *[
            (getattr(errors, name)("x"), False)
            for name in ("QuotaExhausted", "KeyRejected", "Forbidden", "NotFound")
        ],
        *[
            (getattr(errors, name)("x"), False)
            for name in ("TlsFailed", "ProxyFailed", "NotUnderstood", "TooLarge")
        ],
        *[
            (getattr(errors, name)("x"), False)
            for name in ("TotalTimeout", "Interrupted", "UsageError", "ConfigError")
        ],
        (RequestRefused("x", status=409), True),
        (RequestRefused("x", status=408), True),
        (RequestRefused("x", status=422), False),
        (RateLimited("x", retry_after=60), True),
        (RateLimited("x", retry_after=60.1), False),
        (RequestRefused("x", status=400, retry_after=1), False),
    ],
    ids=lambda value: (
        f"{value.code} {value.status} {value.retry_after}" if isinstance(value, LlmctlError) else None
    ),
)
def test_may_retry(error, again):
    assert may_retry(error, RetryPolicy()) is again
    assert len(drive([error, None])[0]) == (3 if again else 1)


@pytest.mark.parametrize(
    ("attempt", "jitter", "seconds"),
    [(1, 0.0, 0.5), (2, 0.0, 1.0), (3, 0.0, 2.0), (4, 0.0, 4.0), (5, 0.0, 8.0), (6, 0.0, 8.0), (1, 1.0, 0.25)],
)
def test_delay_grows(attempt, jitter, seconds):
    assert delay(RetryPolicy(), attempt, StreamBroken("x"), jitter) == seconds


def test_the_provider_decides_the_delay():
    failure = RateLimited("x", retry_after=7.5)
    assert drive([failure, None], jitter=1.0) == ([Send(1), Wait(7.5, failure), Send(2)], None)


@given(
    st.integers(0, 20),
    st.floats(0, 1),
    st.lists(st.sampled_from([StreamBroken, RateLimited, RequestRefused]), min_size=1, max_size=25),
    st.floats(0, 100) | st.none(),
)
def test_any_course(retries, jitter, kinds, retry_after):
    policy = RetryPolicy(retries=retries)
    outcomes = [kind("x", retry_after=retry_after) for kind in kinds]
    instructions, error = drive([*outcomes, None], policy, jitter)
    sends = [instruction for instruction in instructions if isinstance(instruction, Send)]
    waits = [instruction for instruction in instructions if isinstance(instruction, Wait)]
    assert [send.attempt for send in sends] == list(range(1, len(sends) + 1))
    assert len(sends) <= retries + 1
    assert len(waits) == len(sends) - 1
    assert all(0 <= wait.seconds <= max(policy.longest, policy.longest_retry_after) for wait in waits)
    assert error is None or error is outcomes[len(sends) - 1]


@pytest.mark.parametrize(
    ("word", "status", "again"),
    [
        ("false", 503, False),
        ("FALSE", 429, False),
        ("true", 400, True),
        ("maybe", 503, True),
        ("maybe", 400, False),
    ],
)
def test_the_provider_decides_whether_to_ask_again(word, status, again):
    error = error_from_reply(status, {"x-should-retry": word}, b"")
    assert may_retry(error, RetryPolicy()) is again


def test_even_then_a_long_wait_is_not_waited_for():
    error = error_from_reply(429, {"x-should-retry": "true", "retry-after": "3600"}, b"")
    assert may_retry(error, RetryPolicy()) is False
