"""What all attempts to answer one request share."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmctl.gateway.body import Fields, fitted, value_of
from llmctl.gateway.call import Call
from llmctl.gateway.headers import to_provider
from llmctl.gateway.plan import Candidate, Plan

if TYPE_CHECKING:
    from llmctl.gateway.budgets import Budgets
    from llmctl.gateway.health import Health
    from llmctl.gateway.prices import Prices
    from llmctl.gateway.turns import Turns

USAGE_DOORS = ("chat", "completions")
"""Their streams tell usage if they are asked to."""

TYPED_DOORS = ("responses", "messages")
"""Their answers pass as they are, streams as events with names."""

STREAMED = (*USAGE_DOORS, *TYPED_DOORS)
"""Doors whose streams are understood."""

_LEAST_MEDIA = 2000
_MEDIA = re.compile(rb"[A-Za-z0-9+/=_-]{%d,}" % _LEAST_MEDIA)  # base64
_PER_MEDIA = 1000


@dataclass(slots=True)
class Known:
    """What the gateway has learned of all targets."""

    health: Health
    turns: Turns
    prices: Prices
    budgets: Budgets
    contexts: dict[tuple[str, str], int]
    """The most tokens of a prompt, by (profile, model)."""


@dataclass(slots=True)
class Job:
    """A request with a JSON body, and the plan for it. `path` is below the provider's base URL."""

    call: Call
    plan: Plan
    door: str
    path: str
    fields: Fields
    stream: bool
    keeps_usage: bool
    """The client asked for usage in its stream."""
    held: bool
    """The answer is read and understood before it is given; else its bytes go on as they come."""
    known: Known
    _bodies: dict[tuple[str, str], bytes] = field(default_factory=dict)
    _headers: dict[str, bytes] = field(default_factory=dict)

    def body(self, candidate: Candidate) -> bytes:
        """The body as the candidate's provider takes it."""
        place = (candidate.upstream.name, candidate.model)
        made = self._bodies.get(place)
        if made is None:
            ask_usage = self.stream and self.door in USAGE_DOORS
            quirks = candidate.upstream.quirks(candidate.model)
            made = self._bodies[place] = fitted(self.fields, candidate.model, quirks, self.door, ask_usage)
        return made

    @property
    def choices(self) -> int:
        """How many answers the client asked for, side by side."""
        count = value_of(self.fields, "n") if "n" in self.fields else 1
        several = 1
        if self.door == "completions":
            prompts = value_of(self.fields, "prompt")
            if isinstance(prompts, list) and prompts and not isinstance(prompts[0], int):  # else one, in tokens
                several = len(prompts)
        return several * (count if isinstance(count, int) and count > 0 else 1)

    @property
    def prompt_tokens(self) -> int:
        """About as many tokens as the prompt has; a picture or a recording counts as a page of text."""
        tokens = 0
        for raw in self.fields.values():
            text, media = _MEDIA.subn(b"", raw) if len(raw) > _LEAST_MEDIA else (raw, 0)
            tokens += len(text) // 4 + media * _PER_MEDIA
        return tokens

    def prompt_cost(self, candidate: Candidate) -> float | None:
        """US dollars for the prompt alone, about; None where the price is unknown."""
        target = candidate.upstream.target
        price = self.known.prices.of(target.profile, candidate.model, target.provider, target.base_url)
        if not price or "input" not in price:
            return None
        return self.prompt_tokens * price["input"] / 1e6

    def headers(self, candidate: Candidate) -> bytes:
        """The client's headers that go along, as lines."""
        upstream = candidate.upstream
        made = self._headers.get(upstream.name)
        if made is None:
            made = to_provider(self.call.headers, upstream.own_names)
            if b"\ncontent-type: application/json" not in b"\n" + made:
                made = _with_json(made)
            self._headers[upstream.name] = made
        return made


def _with_json(lines: bytes) -> bytes:
    """The header lines saying that the body is JSON, which it is, whatever the client said."""
    kept = [line for line in lines.splitlines(keepends=True) if not line.startswith(b"content-type:")]
    return b"".join([*kept, b"content-type: application/json\r\n"])


def since(started: float, clock: Callable[[], float] = time.perf_counter) -> float:
    """Milliseconds since a time.perf_counter()."""
    return (clock() - started) * 1000
