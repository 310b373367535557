"""Whose turn it is on a route with round-robin."""

from __future__ import annotations

from collections.abc import Sequence

from llmctl.gateway.plan import Candidate


class Turns:
    """Smooth weighted round-robin, for each route by itself."""

    def __init__(self) -> None:
        self._credit: dict[str, dict[str, float]] = {}

    def next(self, plan: str, candidates: Sequence[Candidate], weights: Sequence[float]) -> list[Candidate]:
        credit = self._credit.setdefault(plan, {})
        given = weights or (1.0,) * len(candidates)
        for each, weight in zip(candidates, given, strict=True):
            credit[each.name] = credit.get(each.name, 0.0) + weight
        ordered = sorted(candidates, key=lambda each: -credit[each.name])
        credit[ordered[0].name] -= sum(given)
        return ordered
