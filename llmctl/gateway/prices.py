"""What targets cost a token, for costs that are known at once: [prices], the provider's own list, genai-prices.

genai-prices takes a third of a second and 40 MB to import, so a process of its own looks prices up, once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping
from typing import Any

from llmctl.config.configfile import Config
from llmctl.core.cost import cost_of
from llmctl.errors import ConfigError
from llmctl.gateway.entry import Attempt
from llmctl.store.ledger import BY_GENAI, BY_PRICES, BY_PROVIDER

Price = Mapping[str, float]
_SECONDS = 30.0


class Prices:
    """Tables by (profile, model); None where nobody knows."""

    def __init__(self) -> None:
        self.tables: dict[tuple[str, str], Price | None] = {}
        self._by: dict[tuple[str, str], str] = {}
        self._wanted: dict[tuple[str, str], tuple[str, str]] = {}
        self._asking = False
        self._config: Config | None = None

    def use(self, config: Config) -> None:
        """Another config: its [prices] count from now on."""
        self._config = config
        self.tables.clear()
        self._by.clear()

    def price(self, attempt: Attempt) -> None:
        """Note what an attempt cost, as far as that is known."""
        usage = attempt.usage
        if usage is None or attempt.cost is not None:
            return
        if usage.cost is not None:
            attempt.cost, attempt.cost_by = usage.cost, BY_PROVIDER
            return
        place = (attempt.profile, attempt.model)
        table = self.of(*place, attempt.provider, attempt.base_url)
        if table:
            attempt.cost = cost_of(usage, table)
            attempt.cost_by = self._by[place] if attempt.cost is not None else ""

    def estimate(self, attempt: Attempt) -> float | None:
        """What an attempt cost, about, whose usage never came; None where that is unknown."""
        if attempt.estimate is None:
            return None
        table = self.of(attempt.profile, attempt.model, attempt.provider, attempt.base_url)
        return cost_of(attempt.estimate, table) if table else None

    def of(self, profile: str, model: str, provider: str, base_url: str) -> Price | None:
        """The price of a target, as far as it is known by now; what isn't is looked up soon."""
        place = (profile, model)
        if place not in self.tables and self._own(place) is None:
            self._wanted[place] = (provider, base_url)
            return None
        return self.tables[place]

    def learn(self, profile: str, prices: Mapping[str, Price]) -> None:
        """The provider's list names prices."""
        for model, table in prices.items():
            if self._own((profile, model)) is None and not self.tables.get((profile, model)):
                self._put((profile, model), table, BY_GENAI)

    async def look_up(self) -> None:
        """Ask for the prices of what was used and has none yet."""
        if not self._wanted or self._asking:
            return
        wanted, self._wanted = self._wanted, {}
        self._asking = True
        try:
            found = await _ask([[*where, model] for (_, model), where in wanted.items()])
        finally:
            self._asking = False
        for place, known in zip(wanted, found or [None] * len(wanted), strict=False):
            table = known.get("price") if known else None
            self._put(place, table if isinstance(table, dict) else None, BY_GENAI)

    def _own(self, place: tuple[str, str]) -> Price | None:
        """The user's own price; a table that is written wrongly counts as none."""
        with contextlib.suppress(ConfigError):
            table = self._config.price(*place) if self._config else None
            if table is not None:
                self._put(place, table, BY_PRICES)
                return table
        return None

    def _put(self, place: tuple[str, str], table: Price | None, by: str) -> None:
        if len(self.tables) > 10_000:
            self.tables.clear()
        self.tables[place] = table
        self._by[place] = by


async def _ask(targets: list[list[str]]) -> list[dict[str, Any] | None] | None:
    """What the other process says; None where it says nothing that can be used."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "llmctl.gateway.pricer",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            out, _ = await process.communicate(json.dumps(targets).encode())
        found = json.loads(out)
    except (TimeoutError, ValueError):
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return found if isinstance(found, list) else None
