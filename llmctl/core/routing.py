"""Which of several targets to ask next: a generator that yields instructions and is sent outcomes.

As in retry.py: it ends on success, and raises the error that tells the client most when nothing is left.
A failure goes on to the next target at once; only when all of them have failed is there a wait.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from llmctl.core.retry import RetryPolicy, Wait, delay, may_retry
from llmctl.errors import ContextTooLong, KeyProblem, LlmctlError, NotFound, RequestRefused, TooLarge


@dataclass(frozen=True)
class Ask:
    """Ask the target with this index. `attempt` counts from 1 over all targets; `after` is the last failure."""

    index: int
    attempt: int
    after: LlmctlError | None = None


def moves_on(error: LlmctlError) -> bool:
    """Whether another target may do better: not where the request itself is wrong."""
    if isinstance(error, RequestRefused):
        return isinstance(error, NotFound | TooLarge | ContextTooLong)
    return True


def in_turn(
    count: int, policy: RetryPolicy, random: Callable[[], float]
) -> Generator[Ask | Wait, LlmctlError | None, None]:
    """Ask each of `count` targets in order, then again those whose failure may pass."""
    left = list(range(count))
    attempt, error = 0, None
    for turn in range(1, policy.retries + 2):
        failures: dict[int, LlmctlError] = {}
        for index in left:
            attempt += 1
            error = yield Ask(index, attempt, error)
            if error is None:
                return
            error.attempts = attempt
            if not moves_on(error):
                raise error
            failures[index] = error
        left = [index for index, failure in failures.items() if may_retry(failure, policy)]
        if not left or turn > policy.retries:
            raise most_telling(list(failures.values()))
        soonest = min((failures[index] for index in left), key=lambda each: delay(policy, turn, each, 0.0))
        yield Wait(delay(policy, turn, soonest, random()), soonest)


def most_telling(errors: list[LlmctlError]) -> LlmctlError:
    """Of the failures of several targets, the one that the client can do most about; the last of equals."""

    def rank(error: LlmctlError) -> int:
        if isinstance(error, RequestRefused):
            return 2
        return 0 if isinstance(error, KeyProblem) else 1

    best = max(rank(error) for error in errors)
    chosen = [error for error in errors if rank(error) == best][-1]
    chosen.attempts = max(error.attempts for error in errors)
    return chosen
