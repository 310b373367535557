"""What the gateway does beside answering, a few times a second: tell of what has ended, and look around."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from llmctl.errors import LlmctlError
from llmctl.gateway.entry import Entry

if TYPE_CHECKING:
    from llmctl.gateway.gateway import Gateway

EVERY = 0.02
"""Seconds. Rarer beats have more to tell at once, and keep tokens waiting for as long."""
_SHARE = 12
"""So many beats from one exchange with other processes to the next."""
_LOOK = 50
"""And from one look around to the next."""
_LEDGER = 500
"""And from one look into the ledger to the next, which other programs write as well."""
_SLICE = 10
"""So many requests are told of at once."""


class Beat:
    """Runs until it is cancelled. `look` is called about once a second: it reloads what has changed."""

    def __init__(self, gateway: Gateway, look: Callable[[], None]) -> None:
        self._gateway = gateway
        self._look = look
        self._count = 0

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            await self.once()

    async def once(self) -> None:
        """One beat. A shared store that fails has told so itself, and holds nothing up."""
        gateway = self._gateway
        if gateway.finished:
            await self._tell()
        self._count += 1
        if self._count % _LOOK == 0:
            self._look()
            gateway.background(gateway.prices.look_up())
        if self._count % _LEDGER == 0:
            gateway.background(gateway.budgets.refresh())
        if self._count % _SHARE == 0 and gateway.shares:
            with contextlib.suppress(LlmctlError):
                await self._share()

    async def _tell(self) -> None:
        """Tell of the requests that have ended."""
        gateway = self._gateway
        left = len(gateway.finished)
        while left > 0:
            await self._tell_some(min(left, _SLICE))
            left -= _SLICE
            await asyncio.sleep(0)  # whoever is waiting for a token goes first

    async def _tell_some(self, count: int) -> None:
        gateway = self._gateway
        ended = [gateway.finished.popleft() for _ in range(count)]
        entries: list[Entry] = [entry for entry, _ in ended]
        for entry, key in ended:
            for attempt in entry.attempts:
                gateway.prices.price(attempt)
            if key is not None and entry.cache != "hit":
                await gateway.limits.spend(key, _tokens(entry), entry.cost)
        gateway.monitor.finished(entries)
        gateway.metrics.observe(entries)
        if gateway.telemetry is not None:
            gateway.telemetry.observe(entries)
        gateway.log.write(entries)
        gateway.accounts.add(entries)

    async def _share(self) -> None:
        """Exchange with the other processes: cooldowns, requests to be ended, what each is doing."""
        gateway = self._gateway
        for name, (until, why) in (await gateway.shared.cooldowns()).items():
            profile, model, door, key = (name.split("\n") + [""] * 4)[:4]
            gateway.health.cool((profile, model, door), int(key) if key else None, until, why)
        for entry_id in await gateway.shared.cancels():
            gateway.monitor.cancel(entry_id)
        if self._count % (4 * _SHARE) == 0 or gateway.monitor.inflight:
            state = {
                "worker": gateway.worker,
                "monitor": gateway.monitor.snapshot(),
                "metrics": gateway.metrics.state(),
            }
            await gateway.shared.publish(gateway.worker, msgspec.json.encode(state))


def _tokens(entry: Entry) -> int | None:
    """All tokens that the attempts took."""
    known = [attempt.usage.total_tokens for attempt in entry.attempts if attempt.usage]
    counts = [count for count in known if count is not None]
    return sum(counts) if counts else None


def worker_name() -> str:
    """This process among those that share."""
    import socket

    return f"{socket.gethostname()}:{os.getpid()}"
