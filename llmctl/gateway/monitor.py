"""What the dashboard shows: requests in flight, the last ones, sums by minute, target and caller.

All of it runs on the event loop. `begin` is the only call on the hot path, and puts one thing into a
dict; everything else happens a few times a second.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from llmctl import __version__
from llmctl.gateway import sketch
from llmctl.gateway.entry import CANCELLED, LEFT, OK, Attempt, Entry
from llmctl.gateway.shown import OTHER, Shown, short
from llmctl.gateway.sketch import Sketch
from llmctl.gateway.snapshots import DAY, RECENT, follow, oldest, summary

Health = Callable[[], list[dict[str, Any]]]
"""The state of each target, as dicts: target, door, state, until, why, failures, p50_ms, p95_ms, requests."""

MINUTES = 24 * 60
MOST_NAMES = 500
"""Callers that are summed apart."""


@dataclass(slots=True)
class Sums:
    """Tokens and costs that are unknown are in no sum. `cost` is in US dollars."""

    requests: int = 0
    errors: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0

    def count(self, failed: bool, attempts: Iterable[Attempt]) -> None:
        """Add one request and what its attempts took."""
        self.requests += 1
        self.errors += failed
        for attempt in attempts:
            self.cost += attempt.cost or 0.0
            if attempt.usage:
                self.prompt_tokens += attempt.usage.prompt_tokens or 0
                self.completion_tokens += attempt.usage.completion_tokens or 0


@dataclass(slots=True)
class Minute(Sums):
    """A minute; requests count when they end."""

    time: int = 0
    """Its begin, in seconds since 1970."""
    first_token: Sketch = field(default_factory=dict)
    total: Sketch = field(default_factory=dict)


class Monitor:
    """Counts what it is told since its start. `clock` gives seconds since 1970."""

    def __init__(self, health: Health, clock: Callable[[], float] = time.time) -> None:
        self.health = health
        self.inflight: dict[str, Entry] = {}
        self.shown = Shown()
        self.closed = False
        self._clock = clock
        self._started = clock()
        self._recent: deque[dict[str, Any]] = deque(maxlen=RECENT)
        self._minutes: deque[Minute] = deque(maxlen=MINUTES)
        self._totals = Sums()
        self._targets: dict[str, Sums] = {}
        self._callers: dict[str, Sums] = {}

    def begin(self, entry: Entry) -> None:
        """A request has started."""
        self.inflight[entry.id] = entry

    def changed(self, entry: Entry) -> None:
        """A request got on. The next look finds out how; one that was not begun here is shown from now on."""
        if not entry.outcome:
            self.inflight[entry.id] = entry

    def finished(self, entries: Iterable[Entry]) -> None:
        """Requests have ended, in this order; their costs are looked up by now."""
        now = self._clock()
        for entry in entries:
            self.inflight.pop(entry.id, None)
            ended = now if entry.total_ms is None else entry.started + entry.total_ms / 1000
            self._recent.appendleft({**_told(entry), "ended": round(ended, 3)})
            self._count(entry, now)

    def cancel(self, entry_id: str) -> bool:
        """End a request that runs; whether there is one."""
        entry = self.inflight.get(entry_id)
        if entry is None or entry.task is None:
            return False
        entry.cancelled = True
        entry.task.cancel()
        return True

    def close(self) -> None:
        """Let all who follow come to an end: a server that drains must not wait for them."""
        self.closed = True

    def snapshot(self) -> dict[str, Any]:
        """Everything, ready for JSON. Times are in seconds since 1970, costs in US dollars."""
        now = self._clock()
        shown: dict[str, Any] = {
            "version": __version__,
            "now": round(now, 3),
            "started": round(self._started, 3),
            "workers": 1,
            "in_flight": len(self.inflight),
            "inflight": oldest([_running(entry, now) for entry in self.inflight.values()]),
            "recent": list(self._recent),
            "totals": asdict(self._totals),
            "minutes": [asdict(minute) for minute in self._minutes if minute.time > now - DAY],
            "models": _rows("target", self._targets),
            "callers": _rows("caller", self._callers),
            "targets": self.health(),
        }
        return {**shown, "summary": summary(shown)}

    def subscribe(self) -> AsyncGenerator[dict[str, Any], None]:
        """A snapshot, then what changes, until `close`; see `follow`."""

        async def take() -> dict[str, Any]:
            return self.snapshot()

        return follow(take, lambda: self.closed)

    def _count(self, entry: Entry, now: float) -> None:
        failed = entry.outcome not in (OK, LEFT, CANCELLED)
        minute = self._minute(now)
        for sums in (self._totals, minute, _named(self._callers, entry.caller)):
            sums.count(failed, entry.attempts)
        for attempt in entry.attempts:
            model = self.shown.model(attempt.profile, attempt.model, attempt.status == OK)
            name = f"{attempt.profile}/{model}"
            self._targets.setdefault(name, Sums()).count(attempt_failed(attempt), [attempt])
        if entry.outcome == OK and entry.cache != "hit":
            if entry.first_token_ms is not None:
                sketch.add(minute.first_token, entry.first_token_ms)
            if entry.total_ms is not None:
                sketch.add(minute.total, entry.total_ms)

    def _minute(self, now: float) -> Minute:
        begin = int(now // 60) * 60
        if not self._minutes or self._minutes[-1].time < begin:
            self._minutes.append(Minute(time=begin))
        return self._minutes[-1]  # also where the clock was set back


def attempt_failed(attempt: Attempt) -> bool:
    """Whether the target is to blame, rather than somebody who waited no more."""
    return attempt.status not in ("", OK, "lost", LEFT, CANCELLED)


def _running(entry: Entry, now: float) -> dict[str, Any]:
    return {**_told(entry), "elapsed_ms": round(max(now - entry.started, 0) * 1000)}


def _told(entry: Entry) -> dict[str, Any]:
    """The entry, with when after its begin each attempt began. What a client has written is cut."""
    told = entry.as_dict()
    told["model"], told["door"] = short(entry.model), short(entry.door)
    for attempt, row in zip(entry.attempts, told["attempts"], strict=True):
        row["model"] = short(attempt.model)
        row["after_ms"] = round(max(attempt.started - entry.started, 0) * 1000, 1)
    return told


def _named(sums: dict[str, Sums], name: str) -> Sums:
    if name not in sums:
        if len(sums) >= MOST_NAMES:
            name = OTHER
        sums.setdefault(name, Sums())
    return sums[name]


def _rows(key: str, sums: Mapping[str, Sums]) -> list[dict[str, Any]]:
    """The rows with the most requests first."""
    ordered = sorted(sums.items(), key=lambda item: (-item[1].requests, item[0]))
    return [{key: name, **asdict(each)} for name, each in ordered]
