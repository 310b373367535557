"""What the gateway knows of one request of a client, and of each attempt to answer it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from llmctl.core.events import Usage

OK, LOST, LEFT, CANCELLED = "ok", "lost", "client_left", "cancelled"
"""How an attempt ended, beside the codes of errors: answered; beaten by another; nobody waited any more."""


@dataclass(slots=True)
class Attempt:
    """One request to one target. `started` in seconds since 1970; `why` is a phrase for people."""

    profile: str
    provider: str
    base_url: str
    model: str
    why: str
    started: float
    number: int = 1
    status: str = ""
    """"" while it runs, then "ok", "lost", "client_left", "cancelled" or an error's code."""
    http_status: int | None = None
    first_token_ms: float | None = None
    total_ms: float | None = None
    usage: Usage | None = None
    answered_by: str = ""
    request_id: str = ""
    estimate: Usage | None = None
    """What was relayed of an answer whose usage never came, about: it counts against limits."""
    cost: float | None = None
    cost_by: str = ""
    """As in the ledger: provider, prices, genai-prices, unknown; "" until looked up."""

    def as_dict(self) -> dict[str, Any]:
        """For the dashboard and logs; no prompts, no keys."""
        return {
            "profile": self.profile,
            "model": self.model,
            "why": self.why,
            "number": self.number,
            "status": self.status,
            "http_status": self.http_status,
            "first_token_ms": _rounded(self.first_token_ms),
            "total_ms": _rounded(self.total_ms),
            "prompt_tokens": self.usage.prompt_tokens if self.usage else None,
            "completion_tokens": self.usage.completion_tokens if self.usage else None,
            "cost": self.cost,
            "request_id": self.request_id,
        }


@dataclass(slots=True)
class Entry:
    """One request of a client, from its first byte to the end of its answer."""

    id: str
    started: float
    """Seconds since 1970."""
    door: str
    """chat, completions, embeddings, or the path's first word."""
    caller: str = ""
    """The name of the key that was shown; "" without one."""
    model: str = ""
    """As asked for."""
    route: str = ""
    stream: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    status: int = 0
    """The HTTP status that was sent; 0 while nothing was."""
    outcome: str = ""
    """"" while it runs, then as an attempt's status."""
    cache: str = ""
    """"hit", "miss", or "" where nothing is cached."""
    cached: str = ""
    """PROFILE/MODEL that gave the answer which came from the cache."""
    first_token_ms: float | None = None
    total_ms: float | None = None
    overhead_ms: float | None = None
    """The gateway's own time before the upstream request went out."""
    task: asyncio.Task[None] | None = field(default=None, repr=False)
    """What serves it; cancelling it ends the request."""
    charged: bool = False
    """Its cost was counted against the limits of its key."""
    cancelled: bool = False
    """Somebody ended it: from the dashboard, or because the gateway stops."""
    traceparent: str = ""
    """The W3C trace context that the client sent."""
    request: bytes = field(default=b"", repr=False)
    """The client's JSON, where prompts are logged."""

    @property
    def cost(self) -> float | None:
        """US dollars of all attempts that are known."""
        known = [attempt.cost for attempt in self.attempts if attempt.cost is not None]
        return sum(known) if known else None

    @property
    def answered(self) -> Attempt | None:
        """The attempt whose answer the client got, or the last one."""
        good = next((attempt for attempt in self.attempts if attempt.status == OK), None)
        return good or (self.attempts[-1] if self.attempts else None)

    def as_dict(self) -> dict[str, Any]:
        """For the dashboard and logs; no prompts, no keys."""
        return {
            "id": self.id,
            "started": self.started,
            "door": self.door,
            "caller": self.caller,
            "model": self.model,
            "route": self.route,
            "stream": self.stream,
            "status": self.status,
            "outcome": self.outcome,
            "cache": self.cache,
            "first_token_ms": _rounded(self.first_token_ms),
            "total_ms": _rounded(self.total_ms),
            "overhead_ms": _rounded(self.overhead_ms, 3),
            "cost": self.cost,
            "attempts": [attempt.as_dict() for attempt in self.attempts],
        }


def _rounded(ms: float | None, digits: int = 1) -> float | None:
    return None if ms is None else round(ms, digits)
