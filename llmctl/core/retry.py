"""Whether to try again, and when: a generator that yields instructions and is sent outcomes.

    flow = attempts(policy, random.random)
    instruction = next(flow)                  # Send() or Wait(seconds)
    instruction = flow.send(error or None)    # after Send: the error, or None for success; after Wait: None

It ends (StopIteration) on success and raises the last error when there is nothing left to try.
No clock, no sockets: one loop of a few lines drives it, in asyncio or without.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from llmctl.errors import LlmctlError


@dataclass(frozen=True)
class RetryPolicy:
    """`retries` more attempts after the first; delays in seconds."""

    retries: int = 2
    base: float = 0.5
    longest: float = 8.0
    longest_retry_after: float = 60.0
    """A provider that wants more than this is not waited for."""


@dataclass(frozen=True)
class Send:
    """Make the request now. `attempt` counts from 1."""

    attempt: int


@dataclass(frozen=True)
class Wait:
    """Wait, then ask for the next instruction. `cause` is why."""

    seconds: float
    cause: LlmctlError


def attempts(policy: RetryPolicy, random: Callable[[], float]) -> Generator[Send | Wait, LlmctlError | None, None]:
    """The retry policy. `random` gives numbers from 0 to 1 for the jitter."""
    attempt = 0
    while True:
        attempt += 1
        error = yield Send(attempt)
        if error is None:
            return
        error.attempts = attempt
        if attempt > policy.retries or not may_retry(error, policy):
            raise error
        yield Wait(delay(policy, attempt, error, random()), error)


def may_retry(error: LlmctlError, policy: RetryPolicy) -> bool:
    """As x-should-retry says, else retryable kinds of error, and 408 and 409; never after too long a wait."""
    if error.retry_after is not None and error.retry_after > policy.longest_retry_after:
        return False
    if error.should_retry is not None:
        return error.should_retry
    return error.retryable or error.status in (408, 409)


def delay(policy: RetryPolicy, attempt: int, error: LlmctlError, jitter: float) -> float:
    """As told by the provider, else exponential with up to half of it taken off at random."""
    if error.retry_after is not None:
        return error.retry_after
    full = min(policy.longest, policy.base * 2.0 ** (attempt - 1))
    return full * (1 - jitter / 2)
