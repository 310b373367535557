"""Sums of the ledger as they are shown: what is unknown is None, and counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llmctl.cli.logs.words import iso
from llmctl.store.ledger import Total

COLUMNS = (
    "requests",
    "failed",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "cost",
    "unknown_cost",
)
TOTAL = "total"


@dataclass(frozen=True)
class Report:
    """`groups` by day, profile, model or caller; `since` and `until` in seconds since 1970."""

    by: str
    since: float
    until: float
    groups: Sequence[Total]
    total: Total

    def as_dict(self) -> dict[str, Any]:
        """The object of `--json`. Stable: additions only."""
        return {
            "by": self.by,
            "since": iso(self.since),
            "until": iso(self.until),
            "groups": [{self.by: group.group, **values(group)} for group in self.groups],
            "total": values(self.total),
        }


def values(total: Total) -> dict[str, Any]:
    """COLUMNS of a group. Counts of tokens that no answer told are None."""
    found = {name: getattr(total, name) for name in COLUMNS}
    found["cost"] = None if total.cost is None else round(total.cost, 9)  # without the noise of adding
    told = (
        total.requests - total.failed - total.unknown_tokens > 0 or total.prompt_tokens or total.completion_tokens
    )
    return found if told else found | {name: None for name in COLUMNS if name.endswith("_tokens")}


def grand_total(groups: Sequence[Total]) -> Total:
    """All groups together."""
    names = ("requests", "failed", "prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens",
             "unknown_tokens", "unknown_cost")  # fmt: skip
    costs = [group.cost for group in groups if group.cost is not None]
    sums = {name: sum(getattr(group, name) for group in groups) for name in names}
    return Total(group=TOTAL, cost=sum(costs) if costs else None, **sums)


def largest_first(groups: Sequence[Total]) -> list[Total]:
    """Those that cost most first; without costs, those with the most tokens."""
    return sorted(groups, key=lambda group: (-(group.cost or 0.0), -weight(group), group.group))


def weight(group: Total) -> int:
    """Tokens in and out."""
    return group.prompt_tokens + group.completion_tokens
