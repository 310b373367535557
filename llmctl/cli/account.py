"""What a question is allowed to cost, what it did cost, and where it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmctl.cli.budget import Guard
from llmctl.cli.history import pricing, recorder

if TYPE_CHECKING:
    from llmctl.cli.session import Session
    from llmctl.store.ledger import Request
    from llmctl.store.recorder import Recorder


@dataclass
class Account:
    """The recorder of a conversation, and the guard of its budget."""

    recorder: Recorder
    guard: Guard


def open_account(
    session: Session, caller: str, max_cost: float | None = None, wants_cost: bool = False
) -> Account:
    """Nothing is opened yet. `wants_cost` has each answer's cost looked up, which may take a moment."""
    guard = Guard(session, max_cost)
    prices = pricing(session.config, session.streams)
    return Account(recorder(session, caller, prices.priced if wants_cost or guard.on else prices.known), guard)


def total_cost(requests: Sequence[Request]) -> float | None:
    """US dollars of all of them; None as soon as one is unknown."""
    costs = [request.cost for request in requests]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known and len(known) == len(costs) else None
