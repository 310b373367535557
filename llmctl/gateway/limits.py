"""Limits of keys, by the minute and in money, and of how many requests run at once."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from llmctl.core.money import dollars
from llmctl.errors import BudgetSpent, Overloaded, RateLimited, StoreFailed
from llmctl.gateway.shared import Shared
from llmctl.store.keys import GatewayKey, period_name

Spent = Callable[[GatewayKey], Awaitable[float]]
"""US dollars that the ledger knows of in the period of a key's budget."""

Refusal = TypeVar("Refusal", RateLimited, Overloaded)

_PER = {"day": "today", "month": "this month"}
_PATIENCE, _PAUSE = 2.0, 30.0
"""How long the ledger may take, and when it is asked again after it failed, in seconds."""
_REMEMBERED = 5.0
"""How many seconds somebody who found every slot taken counts among those who want one."""


class Limits:
    """What each key may use. Nothing is looked up for keys without limits."""

    def __init__(self, shared: Shared, spent: Spent | None = None, clock: Callable[[], float] = time.time) -> None:
        """`spent` is asked once for each budget and period, so that a restart forgives nothing."""
        self._shared = shared
        self._spent = spent
        self._clock = clock
        self._known: dict[str, str] = {}
        self._ask_again = 0.0
        self._learning = asyncio.Lock()

    async def admit(self, key: GatewayKey) -> None:
        """Count a request. Raises BudgetSpent, or RateLimited with the seconds to wait in `retry_after`."""
        if key.budget_usd is not None:
            await self._check_budget(key, key.budget_usd)
        if key.requests_per_minute is None and key.tokens_per_minute is None:
            return
        wait = await self._shared.take(key.id, key.requests_per_minute, key.tokens_per_minute)
        if wait is not None:
            raise RateLimited(
                f"the key {key.name} has used {_allowed(key)}; again in {math.ceil(wait)} s", retry_after=wait
            )

    async def spend(self, key: GatewayKey, tokens: int | None, cost: float | None) -> None:
        """Count what an answer took; None is unknown, and counts nothing. `cost` in US dollars."""
        if key.tokens_per_minute is not None and tokens:
            await self._shared.add_tokens(key.id, tokens)
        if key.budget_usd is not None and cost:
            await self._shared.add_cost(key.id, cost, key.budget_period)

    async def _check_budget(self, key: GatewayKey, budget: float) -> None:
        await self._learn(key)
        used = await self._shared.cost(key.id, key.budget_period)
        if used >= budget:
            period = f" {_PER[key.budget_period]}" if key.budget_period in _PER else ""
            raise BudgetSpent(f"the key {key.name} has spent its budget of {dollars(budget)}{period}")

    async def _learn(self, key: GatewayKey) -> None:
        """Bring the sum up to what the ledger knows, once a period: the shared sum may be younger."""
        if self._spent is None or self._learned(key):
            return
        async with self._learning:
            if self._learned(key):  # while we waited
                return
            try:
                async with asyncio.timeout(_PATIENCE):
                    known = await self._spent(key)
            except (StoreFailed, TimeoutError):  # answers go on; the shared sum must do until then
                self._ask_again = self._clock() + _PAUSE
                return
            await self._shared.raise_cost(key.id, known, key.budget_period)
            self._known[key.id] = period_name(key.budget_period, self._clock())

    def _learned(self, key: GatewayKey) -> bool:
        """Whether the ledger need not be asked, or can't be."""
        now = self._clock()
        return now < self._ask_again or self._known.get(key.id) == period_name(key.budget_period, now)


class Slots:
    """How many requests run at once: at most `total`, and `per_client` of one client.

    Once more than half of them are taken, nobody gets more than an equal share.
    """

    def __init__(self, total: int, per_client: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._per_client = per_client
        self._clock = clock
        self._held: dict[str, int] = {}
        self._waiting: dict[str, float] = {}
        self.running = 0

    def enter(self, client: str) -> None:
        """Take a slot; `leave` gives it back. Raises Overloaded, RateLimited, which take none."""
        held = self._held.get(client, 0)
        if held >= self._per_client:
            raise _later(RateLimited, f"{held} requests of this client are running, and more are not allowed")
        if self.running * 2 > self._total:
            self._check_share(client, held)
        self._held[client] = held + 1
        self.running += 1

    def leave(self, client: str) -> None:
        """The request has ended."""
        self.running -= 1
        left = self._held[client] - 1
        if left:
            self._held[client] = left
        else:
            del self._held[client]

    def _check_share(self, client: str, held: int) -> None:
        """Those who were turned away lately count as well, or who came first would hold everything for good."""
        if self._waiting:
            now = self._clock()
            self._waiting = {name: until for name, until in self._waiting.items() if until > now}
        if self.running >= self._total:
            self._waiting[client] = self._clock() + _REMEMBERED
            raise _later(Overloaded, f"{self.running} requests are running, and more are not allowed")
        self._waiting.pop(client, None)
        clients = len(self._held) + sum(name not in self._held for name in (client, *self._waiting))
        if held >= self._total / clients:
            raise _later(
                RateLimited, f"{held} requests of this client are running, and others want to ask as well"
            )


def _later(kind: type[Refusal], message: str) -> Refusal:
    return kind(message, retry_after=1.0)


def _allowed(key: GatewayKey) -> str:
    limits = ((key.requests_per_minute, "requests"), (key.tokens_per_minute, "tokens"))
    return f"its {' or '.join(f'{limit} {what}' for limit, what in limits if limit is not None)} a minute"
