"""Limits on what is spent: refused before it is sent."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from llmctl.cli.history import keeps_history, pricing, store_to_read
from llmctl.core.money import dollars
from llmctl.core.when import midnight
from llmctl.errors import BudgetSpent, StoreFailed
from llmctl.store.recorder import request_to

if TYPE_CHECKING:
    from llmctl.cli.session import Session
    from llmctl.config.target import Target
    from llmctl.store.pricing import Pricing
    from llmctl.store.store import Store


@dataclass(frozen=True)
class Limits:
    """US dollars: for one question with all its rounds, and for a profile's day."""

    request: float | None = None
    day: float | None = None


def limits_of(session: Session, max_cost: float | None) -> Limits:
    """Those of the profile; `max_cost` beats its limit for one request."""
    config, name = session.config, session.target.profile
    budget: Mapping[str, float] = config.profile(name).budget if name in config.names else {}
    return Limits(max_cost or budget.get("usd_per_request"), budget.get("usd_per_day"))


class Guard:
    """Checks each request of one question before it is sent. `on` says whether there is any limit."""

    def __init__(self, session: Session, max_cost: float | None = None) -> None:
        self._session = session
        self._limits = limits_of(session, max_cost)
        self.on = self._limits != Limits()
        self._told: set[str] = set()

    def check(
        self,
        messages: Sequence[Mapping[str, Any]],
        spent: float = 0.0,
        model: str | None = None,
        counted: float = 0.0,
    ) -> None:
        """Raise BudgetSpent if these messages would pass a limit.

        `spent`: for earlier rounds, US dollars; `counted`: what of this the history holds already.
        """
        if not self.on:
            return
        from llmctl.cli.talk.context import estimate

        target = self._session.target
        target = replace(target, model=model) if model else target
        tokens = estimate([dict(message) for message in messages])
        needed = self._prices().prompt_cost(request_to(target, "", time.time()), tokens)
        self._check_request(target, needed, spent)
        self._check_day(target, (needed or 0.0) + spent - counted, known=needed is not None)

    def _check_request(self, target: Target, needed: float | None, spent: float) -> None:
        most = self._limits.request
        if most is None:
            return
        if needed is None:
            self._refuse(
                f"the price of {target.model or 'the model'} is unknown, so the limit of {dollars(most)} "
                "can't be kept",
                f'say it in the config: [prices."{target.profile}/{target.model}"]',
            )
        elif spent + needed > most:
            before = f", {dollars(spent)} are spent" if spent else ""
            self._refuse(
                f"the prompt alone would cost about {dollars(needed)}{before}, and the limit is {dollars(most)}",
                "send less, ask a cheaper model, or raise --max-cost",
            )

    def _check_day(self, target: Target, needed: float, known: bool) -> None:
        most, session = self._limits.day, self._session
        if most is None:
            return
        if not keeps_history(session.config, session.streams):
            self._warn(f"nothing is kept, so the daily budget of {target.profile} won't count this")
        elif not known:
            self._warn(
                f"the price of {target.model} is unknown, so the daily budget can't count it; "
                f'say it in the config: [prices."{target.profile}/{target.model}"]'
            )
        today = date.today()
        spent, unknown = self._spent_since(target.profile, midnight(today))
        if unknown:
            self._warn(f"the cost of {unknown} of today's answers is unknown, so the budget does not hold them")
        if spent >= most or spent + needed > most:
            frees = midnight(today + timedelta(days=1))
            self._refuse(
                f"the budget of {dollars(most)} a day is spent: {dollars(spent)} so far"
                + ("" if spent >= most else f", and this prompt costs about {dollars(needed)}"),
                f"it frees at midnight, in {_duration(frees - time.time())}; llmctl usage shows where it went",
                round(frees - time.time()),
            )

    def _spent_since(self, profile: str, moment: float) -> tuple[float, int]:
        """(US dollars, answers whose cost is unknown), after the price of every request is looked up.

        Where the history can't be read nothing is known to be spent; that is said.
        """
        try:
            with store_to_read(self._session.streams) as store:
                self._price(store, profile)
                return store.ledger.spent(profile, moment)
        except StoreFailed as error:
            self._warn(f"the daily budget of {profile} can't be counted: {error.message}")
            return 0.0, 0

    def _price(self, store: Store, profile: str) -> None:
        """Write the costs down that nobody has looked up; where that is not possible, they stay unknown."""
        prices = self._prices()
        with suppress(StoreFailed):
            while unpriced := store.ledger.unpriced(profile):
                with store.transaction():
                    for request in unpriced:
                        priced = prices.priced(request)
                        store.ledger.price(request.id, priced.cost, priced.cost_by)

    def _warn(self, text: str) -> None:
        """Once, however many requests there are."""
        if text not in self._told:
            self._told.add(text)
            self._session.streams.warn(text)

    def _prices(self) -> Pricing:
        return pricing(self._session.config, self._session.streams)

    def _refuse(self, message: str, hint: str, retry_after: float | None = None) -> None:
        raise self._session.about(BudgetSpent(message, hint=hint, retry_after=retry_after))


def _duration(seconds: float) -> str:
    minutes = max(int(seconds) // 60, 1)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
