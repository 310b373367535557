"""The budgets of profiles: `budget = { usd_per_day, usd_per_request }`, refused before anything is sent."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, timedelta

from llmctl.config.configfile import Config
from llmctl.core.money import dollars
from llmctl.core.when import midnight
from llmctl.errors import BudgetSpent, LlmctlError

Spent = Callable[[str, float], Awaitable[float]]
"""What a profile has spent since a moment, as the ledger knows it."""


class Budgets:
    """What each profile may spend, in US dollars, and what it has spent today (by the local clock)."""

    def __init__(self, spent: Spent | None) -> None:
        self._spent_since = spent
        self._limits: dict[str, Mapping[str, float]] = {}
        self._spent: dict[str, float] = {}
        self._day = date.today()

    def use(self, config: Config, profiles: list[str]) -> None:
        """The limits of another configuration. Raises ConfigError."""
        found = {name: config.profile(name).budget for name in profiles if name in config.names}
        self._limits = {name: budget for name, budget in found.items() if budget}

    async def refresh(self) -> None:
        """Learn from the ledger what was spent; other programs spend as well."""
        self._turn()
        for name, budget in list(self._limits.items()):
            if "usd_per_day" in budget and self._spent_since is not None:
                try:
                    known = await self._spent_since(name, midnight(self._day))
                except LlmctlError:
                    continue  # what was counted here still holds
                self._spent[name] = max(known, self._spent.get(name, 0.0))  # the ledger lags behind a little

    def count(self, profile: str, cost: float | None) -> None:
        """An attempt has ended, which cost so much, perhaps only about."""
        if cost and profile in self._limits:
            self._spent[profile] = self._spent.get(profile, 0.0) + cost

    def check(self, profile: str, prompt_cost: Callable[[], float | None]) -> None:
        """Raise BudgetSpent where a profile may not be asked. `prompt_cost` is what the prompt alone costs."""
        budget = self._limits.get(profile)
        if not budget:
            return
        self._turn()
        try:
            self._check(budget, self._spent.get(profile, 0.0), prompt_cost)
        except BudgetSpent as error:
            error.profile = profile
            raise

    def _check(self, budget: Mapping[str, float], spent: float, prompt_cost: Callable[[], float | None]) -> None:
        most = budget.get("usd_per_day")
        if most is not None and spent >= most:
            frees = midnight(self._day + timedelta(days=1)) - time.time()
            raise BudgetSpent(
                f"the budget of {dollars(most)} a day is spent: {dollars(spent)} so far",
                hint="it frees at midnight; llmctl usage shows where it went",
                retry_after=frees,
            )
        most = budget.get("usd_per_request")
        needed = prompt_cost() if most is not None else None
        if most is not None and needed is not None and needed > most:
            raise BudgetSpent(
                f"the prompt alone would cost about {dollars(needed)}, and the limit is {dollars(most)}"
            )

    def _turn(self) -> None:
        """A new day begins with nothing spent."""
        if date.today() != self._day:
            self._day = date.today()
            self._spent.clear()
