"""Prometheus metrics. Counting is a dict and a bisection; prometheus_client only writes them out."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llmctl.gateway.doors.paths import KINDS
from llmctl.gateway.entry import OK, Attempt, Entry
from llmctl.gateway.monitor import Monitor
from llmctl.gateway.processes import resident_bytes
from llmctl.gateway.shown import OTHER
from llmctl.gateway.snapshots import STATES, merge_targets

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

State = dict[str, Any]
Series = dict[tuple[str, ...], Any]

MOST_SERIES = 1000
"""Sets of labels a family; of models that nobody knows, what comes after is counted under "other"."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

COUNTERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "llmctl_requests": ("Requests of clients that have ended.", ("door", "profile", "model", "outcome")),
    "llmctl_attempts": ("Requests to targets that have ended.", ("profile", "model", "status")),
    "llmctl_tokens": ("Tokens, as providers counted them.", ("profile", "model", "kind")),
    "llmctl_cost_usd": ("US dollars, as far as costs are known.", ("profile", "model")),
    "llmctl_cache": ("Requests that looked into the cache.", ("result",)),
}
"""Family (without _total) → what it says, and its labels."""

_LATENCY = (0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
_OVERHEAD = (5e-5, 1e-4, 1.5e-4, 2e-4, 3e-4, 5e-4, 7.5e-4, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1)

HISTOGRAMS: Mapping[str, tuple[str, tuple[str, ...], tuple[float, ...]]] = {
    "llmctl_request_seconds": ("From a request's first byte to the end of its answer.", ("door",), _LATENCY),
    "llmctl_first_token_seconds": ("Until a target's first token.", ("profile", "model"), _LATENCY),
    "llmctl_overhead_seconds": ("The gateway's own time before it asks a target.", (), _OVERHEAD),
}
"""Family → what it says, its labels, the upper bounds of its buckets."""


class Metrics:
    """`ledger` gives (records lost, records that wait to be written)."""

    def __init__(self, monitor: Monitor, ledger: Callable[[], tuple[int, int]] = lambda: (0, 0)) -> None:
        self._monitor = monitor
        self._ledger = ledger
        self._counters: dict[str, Series] = {name: {} for name in COUNTERS}
        self._histograms: dict[str, Series] = {name: {} for name in HISTOGRAMS}

    def observe(self, entries: Iterable[Entry]) -> None:
        """Count requests that have ended."""
        for entry in entries:
            self._observe_entry(entry)
            for attempt in entry.attempts:
                self._observe_attempt(attempt)

    def state(self) -> State:
        """All counts, ready for JSON: what a worker tells the others."""
        lost, queue = self._ledger()
        return {
            "counters": {name: _listed(series) for name, series in self._counters.items()},
            "histograms": {
                name: [[labels, list(counts)] for labels, counts in _listed(series)]
                for name, series in self._histograms.items()
            },
            "targets": self._monitor.health(),
            "in_flight": len(self._monitor.inflight),
            "ledger_lost": lost,
            "ledger_queue": queue,
            "cpu_seconds": time.process_time(),
            "resident_bytes": resident_bytes(),
        }

    def _observe_entry(self, entry: Entry) -> None:
        answered = entry.answered
        profile, model = self._target(answered) if answered else ("", "")
        door = entry.door if entry.door in KINDS else OTHER  # the first word of any path
        self._add("llmctl_requests", (door, profile, model, entry.outcome))
        if entry.cache:
            self._add("llmctl_cache", (entry.cache,))
        self._time("llmctl_request_seconds", (door,), entry.total_ms)
        self._time("llmctl_overhead_seconds", (), entry.overhead_ms)

    def _observe_attempt(self, attempt: Attempt) -> None:
        target = self._target(attempt)
        self._add("llmctl_attempts", (*target, attempt.status))
        self._time("llmctl_first_token_seconds", target, attempt.first_token_ms)
        if attempt.cost:
            self._add("llmctl_cost_usd", target, attempt.cost)
        if usage := attempt.usage:
            for kind in ("prompt", "completion", "cached", "reasoning"):
                if count := getattr(usage, f"{kind}_tokens"):
                    self._add("llmctl_tokens", (*target, kind), count)

    def _target(self, attempt: Attempt) -> tuple[str, str]:
        return attempt.profile, self._monitor.shown.model(attempt.profile, attempt.model, attempt.status == OK)

    def _bounded(self, series: Series, labels: tuple[str, ...], names: Sequence[str]) -> tuple[str, ...]:
        """The labels; where there are too many, without the name of a model that nobody knows."""
        if labels in series or len(series) < MOST_SERIES or "model" not in names:
            return labels
        found = dict(zip(names, labels, strict=True))
        if self._monitor.shown.is_stranger(found["profile"], found["model"]):
            found["model"] = OTHER
        return tuple(found.values())

    def _add(self, family: str, labels: tuple[str, ...], amount: float = 1) -> None:
        series = self._counters[family]
        labels = self._bounded(series, labels, COUNTERS[family][1])
        series[labels] = series.get(labels, 0) + amount

    def _time(self, family: str, labels: tuple[str, ...], ms: float | None) -> None:
        if ms is None:
            return
        bounds, series = HISTOGRAMS[family][2], self._histograms[family]
        labels = self._bounded(series, labels, HISTOGRAMS[family][1])
        counts = series.get(labels)
        if counts is None:
            counts = series[labels] = [0.0] * (len(bounds) + 2)  # one a bound, above the last one, the sum
        counts[bisect_left(bounds, ms / 1000)] += 1
        counts[-1] += ms / 1000


def render(states: Sequence[State]) -> bytes:
    """The states of all workers, added up, in Prometheus' text format."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(_Families(states))
    return generate_latest(registry)


class _Families:
    """What prometheus_client asks for the metrics."""

    def __init__(self, states: Sequence[State]) -> None:
        self._states = states

    def collect(self) -> Iterator[Metric]:
        yield from self._counters()
        yield from self._histograms()
        yield from self._gauges()

    def _counters(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily

        for name, (about, labels) in COUNTERS.items():
            family = CounterMetricFamily(name, about, labels=labels)
            sums: dict[tuple[str, ...], float] = {}
            for values, amount in self._series("counters", name):
                sums[tuple(values)] = sums.get(tuple(values), 0) + amount
            for key, amount in sorted(sums.items()):
                family.add_metric(key, amount)
            yield family
        yield CounterMetricFamily(
            "llmctl_ledger_lost", "Records that were never written.", self._sum("ledger_lost")
        )
        yield CounterMetricFamily("llmctl_cpu_seconds", "CPU time of all workers.", self._sum("cpu_seconds"))

    def _histograms(self) -> Iterator[Metric]:
        from prometheus_client.core import HistogramMetricFamily

        for name, (about, labels, bounds) in HISTOGRAMS.items():
            family = HistogramMetricFamily(name, about, labels=labels)
            sums: dict[tuple[str, ...], list[float]] = {}
            for values, counts in self._series("histograms", name):
                before = sums.get(tuple(values), [0.0] * len(counts))
                sums[tuple(values)] = [one + other for one, other in zip(before, counts, strict=True)]
            for key, counts in sorted(sums.items()):
                family.add_metric(key, _cumulative(bounds, counts), counts[-1])
            yield family

    def _gauges(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        yield GaugeMetricFamily("llmctl_workers", "Processes that serve.", len(self._states))
        yield GaugeMetricFamily("llmctl_in_flight", "Requests that are being answered.", self._sum("in_flight"))
        yield GaugeMetricFamily(
            "llmctl_ledger_queue", "Records that wait to be written.", self._sum("ledger_queue")
        )
        yield GaugeMetricFamily("llmctl_resident_bytes", "Memory of all workers.", self._sum("resident_bytes"))
        states = GaugeMetricFamily(
            "llmctl_target_state", "1 for the state that a target is in.", labels=("target", "door", "state")
        )
        for row in merge_targets([state["targets"] for state in self._states]):
            for name in STATES:
                states.add_metric((row["target"], row["door"], name), float(row["state"] == name))
        yield states

    def _series(self, kind: str, name: str) -> Iterator[tuple[list[str], Any]]:
        for state in self._states:
            yield from state[kind].get(name, ())

    def _sum(self, name: str) -> float:
        return float(sum(state[name] or 0 for state in self._states))


def _listed(series: Series) -> list[list[Any]]:
    return [[list(labels), value] for labels, value in series.items()]


def _cumulative(bounds: Sequence[float], counts: Sequence[float]) -> list[tuple[str, float]]:
    """As Prometheus wants buckets: each counts what is under its bound, the last one everything."""
    names = [*(repr(bound) for bound in bounds), "+Inf"]
    running, found = 0.0, []
    for name, count in zip(names, counts[:-1], strict=True):
        running += count
        found.append((name, running))
    return found
