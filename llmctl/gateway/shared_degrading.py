"""What the gateway's processes share, when the server that holds it may go away."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from llmctl.errors import LlmctlError
from llmctl.gateway.shared import LocalShared, Shared
from llmctl.store.keys import period_name

PATIENCE, PAUSE = 0.25, 1.0
"""How long an answer may take, and the time between two tries once one did not come, in seconds."""

T = TypeVar("T")


class Degrading:
    """Asks `shared`, and `fallback` while that is away: answers never stop, only each process counts alone.

    `fallback` counts all the time what this process does. `tell` hears of each change, once.
    """

    def __init__(self, shared: Shared, fallback: LocalShared, tell: Callable[[str], None]) -> None:
        self._shared = shared
        self._fallback = fallback
        self._tell = tell
        self._owed: dict[tuple[str, str, str], float] = {}
        self._retrying: asyncio.Task[None] | None = None

    @property
    def lost(self) -> bool:
        """Whether this process counts alone now."""
        return self._retrying is not None

    async def take(self, counter: str, requests_limit: int | None, tokens_limit: int | None) -> float | None:
        def count(shared: Shared) -> Awaitable[float | None]:
            return shared.take(counter, requests_limit, tokens_limit)

        own = self._fallback.wait(counter, requests_limit, tokens_limit)
        if own is not None:  # a Redis that was started anew has forgotten this
            return own
        answered, wait = await self._ask(count)
        if not answered:
            return await count(self._fallback)
        if wait is None:
            await self._fallback.take(counter, None, None)
        return wait

    async def add_tokens(self, counter: str, tokens: int) -> None:
        await self._both(lambda shared: shared.add_tokens(counter, tokens))

    async def add_cost(self, counter: str, usd: float, period: str) -> None:
        if not await self._both(lambda shared: shared.add_cost(counter, usd, period)):
            self._owe((counter, period, period_name(period, time.time())), usd)

    async def raise_cost(self, counter: str, usd: float, period: str) -> None:
        await self._both(lambda shared: shared.raise_cost(counter, usd, period))

    async def cost(self, counter: str, period: str) -> float:
        answered, usd = await self._ask(lambda shared: shared.cost(counter, period))
        if not answered or usd is None:
            return await self._fallback.cost(counter, period)
        await self._fallback.raise_cost(counter, usd, period)
        return usd

    async def put_cooldown(self, name: str, until: float, why: str) -> None:
        await self._both(lambda shared: shared.put_cooldown(name, until, why))

    async def clear_cooldown(self, name: str) -> None:
        await self._both(lambda shared: shared.clear_cooldown(name))

    async def cooldowns(self) -> dict[str, tuple[float, str]]:
        answered, found = await self._ask(lambda shared: shared.cooldowns())
        return found if answered and found is not None else await self._fallback.cooldowns()

    async def publish(self, worker: str, state: bytes) -> None:
        await self._both(lambda shared: shared.publish(worker, state))

    async def peers(self) -> dict[str, bytes]:
        answered, found = await self._ask(lambda shared: shared.peers())
        return found if answered and found is not None else await self._fallback.peers()

    async def ask_cancel(self, entry: str) -> None:
        await self._both(lambda shared: shared.ask_cancel(entry))

    async def cancels(self) -> set[str]:
        answered, found = await self._ask(lambda shared: shared.cancels())
        return found if answered and found is not None else await self._fallback.cancels()

    async def close(self) -> None:
        if self._retrying:
            self._retrying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._retrying
            self._retrying = None
        with contextlib.suppress(LlmctlError, OSError):
            await self._shared.close()

    async def _both(self, do: Callable[[Shared], Awaitable[None]]) -> bool:
        """Do it in both places; whether the shared one knows of it."""
        answered, _ = await self._ask(do)
        await do(self._fallback)
        return answered

    async def _ask(self, do: Callable[[Shared], Awaitable[T]]) -> tuple[bool, T | None]:
        """(whether the shared one answered, what)."""
        if self._retrying:
            return False, None
        try:
            async with asyncio.timeout(PATIENCE):
                return True, await do(self._shared)
        except (LlmctlError, OSError) as error:  # TimeoutError is an OSError
            self._lose(error)
            return False, None

    def _lose(self, error: Exception) -> None:
        if self._retrying:  # several requests were waiting, and one has told it
            return
        why = f"no answer in {PATIENCE:g} s" if isinstance(error, TimeoutError) else str(error)
        self._tell(f"limits and cooldowns are this process's own for now: {why}")
        self._retrying = asyncio.create_task(self._retry())

    async def _retry(self) -> None:
        """Until it answers; then it hears what was spent meanwhile."""
        while True:
            await asyncio.sleep(PAUSE)
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._shared.cooldowns()
                    await self._pay()
            except (LlmctlError, OSError):
                continue
            self._retrying = None
            self._tell("limits and cooldowns are shared again")
            return

    async def _pay(self) -> None:
        """Hand over what was spent, unless its day or month is over; and before it what an empty Redis forgot.

        In this order nothing is counted twice, and nothing is left out that every process had seen before.
        """
        for (counter, period), usd in self._fallback.costs().items():
            owed = self._owed.get((counter, period, period_name(period, time.time())), 0.0)
            if usd > owed:
                await self._shared.raise_cost(counter, usd - owed, period)
        for debt in list(self._owed):
            counter, period, name = debt
            usd = self._owed.pop(debt)
            try:
                if name == period_name(period, time.time()):
                    await self._shared.add_cost(counter, usd, period)
            except BaseException:
                self._owe(debt, usd)
                raise

    def _owe(self, debt: tuple[str, str, str], usd: float) -> None:
        self._owed[debt] = self._owed.get(debt, 0.0) + usd
