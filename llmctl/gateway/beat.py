"""What the gateway does beside answering, a few times a second: tell of what has ended, and look around."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from llmctl.errors import LlmctlError, OutOfFiles
from llmctl.gateway.entry import Entry

if TYPE_CHECKING:
    from llmctl.gateway.gateway import Gateway

BUSY, IDLE = 0.02, 0.25
"""Seconds. Rarer beats have more to tell at once, and keep tokens waiting for as long."""
SHARE, LOOK, LEDGER, FILES = 0.25, 1.0, 10.0, 60.0
"""Seconds between exchanges with other processes, looks around, looks into the ledger that others write, and
complaints that files are too few."""
_SLICE = 10
"""So many requests are told of at once."""


class Beat:
    """Runs until it is cancelled. `look` is called about once a second: it reloads what has changed."""

    def __init__(self, gateway: Gateway, look: Callable[[], None]) -> None:
        self._gateway = gateway
        self._look = look
        self._due = dict.fromkeys((SHARE, LOOK, LEDGER, FILES), 0.0)
        self._published = 0

    async def run(self) -> None:
        while True:
            await asyncio.sleep(BUSY if self._gateway.finished else IDLE)
            await self.once()

    async def once(self) -> None:
        """One beat. A shared store that fails has told so itself, and holds nothing up."""
        gateway = self._gateway
        if gateway.finished:
            await self._tell()
        if self._is_due(LOOK):
            self._look()
            gateway.background(gateway.prices.look_up())
        if self._is_due(LEDGER):
            gateway.background(gateway.budgets.refresh())
        if gateway.shares and self._is_due(SHARE):
            with contextlib.suppress(LlmctlError):
                await self._share()

    def _is_due(self, every: float) -> bool:
        now = asyncio.get_running_loop().time()
        if now < self._due[every]:
            return False
        self._due[every] = now + every
        return True

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
                if attempt.status == OutOfFiles.code and self._is_due(FILES):
                    gateway.tell("too many open files; ulimit -n, or LimitNOFILE of a service, allows more")
            if key is not None and key.budget_usd is not None and not entry.charged and entry.cost is not None:
                await gateway.limits.spend(key, None, entry.cost)  # its price has become known just now
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
        self._published = (self._published + 1) % 4
        if not self._published or gateway.monitor.inflight:
            state = {
                "worker": gateway.worker,
                "monitor": gateway.monitor.snapshot(),
                "metrics": gateway.metrics.state(),
            }
            await gateway.shared.publish(gateway.worker, msgspec.json.encode(state))


def worker_name() -> str:
    """This process among those that share. Containers may have the same name, and the same number of a process."""
    import socket
    from secrets import token_hex

    return f"{socket.gethostname()}:{os.getpid()}:{token_hex(4)}"
