"""What the gateway's processes must agree on: rates, budgets, cooldowns, each other's state.

In memory for one process; SQLite for those of one machine; Redis for several machines.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Protocol

from llmctl.store.keys import period_name

WINDOW = 60
"""Seconds that a rate is counted over, in buckets of one second."""
PEERS_FOR, CANCELS_FOR = 5.0, 10.0
"""How long a worker's state and the wish to cancel a request are believed, in seconds."""

Clock = Callable[[], float]
Bucket = tuple[int, int, int]
"""(second since 1970, requests, tokens)"""


class Shared(Protocol):
    """Times in seconds since 1970, money in US dollars. A counter is any name, such as the id of a key.

    Methods raise LlmctlError where what they need is not there.
    """

    async def take(self, counter: str, requests_limit: int | None, tokens_limit: int | None) -> float | None:
        """Count a request of this minute, if the limits allow it: None, or else the seconds to wait."""

    async def add_tokens(self, counter: str, tokens: int) -> None:
        """Count tokens of this minute."""

    async def add_cost(self, counter: str, usd: float, period: str) -> None:
        """Add to the sum of the period (day, month, total) that it is now."""

    async def raise_cost(self, counter: str, usd: float, period: str) -> None:
        """The sum of the period is at least this."""

    async def cost(self, counter: str, period: str) -> float:
        """The sum of the period that it is now."""

    async def put_cooldown(self, name: str, until: float, why: str) -> None:
        """Leave a target alone until then."""

    async def clear_cooldown(self, name: str) -> None:
        """The target is well again."""

    async def cooldowns(self) -> dict[str, tuple[float, str]]:
        """Name -> (until, why) of those that are not over."""

    async def publish(self, worker: str, state: bytes) -> None:
        """Tell the others how this worker is. Call it more often than every PEERS_FOR seconds."""

    async def peers(self) -> dict[str, bytes]:
        """Worker -> state of all that live, this one included."""

    async def ask_cancel(self, entry: str) -> None:
        """Ask whoever serves this request to end it."""

    async def cancels(self) -> set[str]:
        """The requests that somebody wants ended."""

    async def close(self) -> None:
        """Let go of files and connections."""


def seconds_to_wait(
    buckets: Iterable[Bucket], requests_limit: int | None, tokens_limit: int | None, now: float
) -> float | None:
    """None if the limits allow one more request; otherwise how long until enough of the window has passed.

    What an answer takes is known at its end, so tokens refuse a request only once they are used up.
    """
    buckets = sorted(buckets)
    waits = (
        _wait([(second, requests) for second, requests, _ in buckets], requests_limit, now),
        _wait([(second, tokens) for second, _, tokens in buckets], tokens_limit, now),
    )
    return max((wait for wait in waits if wait is not None), default=None)


def _wait(counts: list[tuple[int, int]], limit: int | None, now: float) -> float | None:
    """How long until the counts, oldest first, are below the limit; None: they are."""
    if limit is None:
        return None
    over = sum(count for _, count in counts) - limit
    if over < 0:
        return None
    for second, count in counts:
        over -= count
        if over < 0:
            return min(max(second + WINDOW - now, 0.001), float(WINDOW))
    return float(WINDOW)


def _below(count: int, limit: int | None) -> bool:
    return limit is None or count < limit


class _Rate:
    """The last minute of one counter, and its sums, so that most requests need not look at each second."""

    __slots__ = ("_buckets", "requests", "tokens")

    def __init__(self) -> None:
        self._buckets: dict[int, list[int]] = {}
        self.requests = self.tokens = 0

    def counts(self) -> list[Bucket]:
        return [(second, requests, tokens) for second, (requests, tokens) in self._buckets.items()]

    def count(self, second: int, requests: int, tokens: int) -> None:
        bucket = self._buckets.get(second)
        if bucket is None:
            bucket = self._buckets[second] = [0, 0]
        bucket[0] += requests
        bucket[1] += tokens
        self.requests += requests
        self.tokens += tokens

    def forget(self, until: int) -> None:
        """Drop the seconds up to then. The oldest come first, unless the clock was set back."""
        while self._buckets and (oldest := next(iter(self._buckets))) <= until:
            requests, tokens = self._buckets.pop(oldest)
            self.requests -= requests
            self.tokens -= tokens


class LocalShared:
    """In memory, for one process."""

    def __init__(self, clock: Clock = time.time) -> None:
        self._clock = clock
        self._rates: dict[str, _Rate] = {}
        self._costs: dict[tuple[str, str], tuple[str, float]] = {}
        self._cooldowns: dict[str, tuple[float, str]] = {}
        self._workers: dict[str, tuple[float, bytes]] = {}
        self._cancels: dict[str, float] = {}

    async def take(self, counter: str, requests_limit: int | None, tokens_limit: int | None) -> float | None:
        wait = self.wait(counter, requests_limit, tokens_limit)
        if wait is None:
            second = int(self._clock())
            self._rate(counter, second).count(second, 1, 0)
        return wait

    def wait(self, counter: str, requests_limit: int | None, tokens_limit: int | None) -> float | None:
        """What `take` would say; nothing is counted."""
        now = self._clock()
        rate = self._rate(counter, int(now))
        if _below(rate.requests, requests_limit) and _below(rate.tokens, tokens_limit):
            return None
        return seconds_to_wait(rate.counts(), requests_limit, tokens_limit, now)

    async def add_tokens(self, counter: str, tokens: int) -> None:
        second = int(self._clock())
        self._rate(counter, second).count(second, 0, tokens)

    async def add_cost(self, counter: str, usd: float, period: str) -> None:
        self._put_cost(counter, await self.cost(counter, period) + usd, period)

    async def raise_cost(self, counter: str, usd: float, period: str) -> None:
        self._put_cost(counter, max(await self.cost(counter, period), usd), period)

    async def cost(self, counter: str, period: str) -> float:
        name, usd = self._costs.get((counter, period), ("", 0.0))
        return usd if name == period_name(period, self._clock()) else 0.0

    def costs(self) -> dict[tuple[str, str], float]:
        """(counter, period) -> the sum, of all periods that it is now."""
        now = self._clock()
        return {
            (counter, period): usd
            for (counter, period), (name, usd) in self._costs.items()
            if name == period_name(period, now)
        }

    async def put_cooldown(self, name: str, until: float, why: str) -> None:
        self._cooldowns[name] = (until, why)

    async def clear_cooldown(self, name: str) -> None:
        self._cooldowns.pop(name, None)

    async def cooldowns(self) -> dict[str, tuple[float, str]]:
        now = self._clock()
        self._cooldowns = {name: told for name, told in self._cooldowns.items() if told[0] > now}
        return dict(self._cooldowns)

    async def publish(self, worker: str, state: bytes) -> None:
        self._workers[worker] = (self._clock(), state)

    async def peers(self) -> dict[str, bytes]:
        since = self._clock() - PEERS_FOR
        self._workers = {name: told for name, told in self._workers.items() if told[0] >= since}
        return {name: state for name, (_, state) in self._workers.items()}

    async def ask_cancel(self, entry: str) -> None:
        self._cancels[entry] = self._clock()

    async def cancels(self) -> set[str]:
        since = self._clock() - CANCELS_FOR
        self._cancels = {entry: asked for entry, asked in self._cancels.items() if asked >= since}
        return set(self._cancels)

    async def close(self) -> None:
        """Nothing is open."""

    def _rate(self, counter: str, second: int) -> _Rate:
        rate = self._rates.get(counter)
        if rate is None:
            rate = self._rates[counter] = _Rate()
        rate.forget(second - WINDOW)
        return rate

    def _put_cost(self, counter: str, usd: float, period: str) -> None:
        self._costs[counter, period] = (period_name(period, self._clock()), usd)
