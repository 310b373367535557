"""The monitor: sums, snapshots, changes, and several workers as one."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.gateway import sketch
from llmctl.gateway.monitor import MINUTES, MOST_NAMES, Monitor
from llmctl.gateway.shown import LONGEST, MOST_ANSWERED, MOST_STRANGERS, OTHER, Shown
from llmctl.gateway.snapshots import MOST_INFLIGHT, RECENT, applied, changes, follow, merge
from support.clock import Clock
from support.dashboard import COOLING, HEALTHY, NOW, attempt, entry

Row = dict[str, Any]


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def monitor(clock: Clock) -> Monitor:
    return Monitor(lambda: [HEALTHY], clock)


def test_a_request_in_flight_is_told_with_how_long_it_has_run(monitor: Monitor, clock: Clock) -> None:
    running = entry("", started=NOW - 2)
    monitor.begin(running)
    clock.now += 1.5
    told = monitor.snapshot()
    assert told["in_flight"] == 1
    assert told["inflight"][0]["id"] == running.id
    assert told["inflight"][0]["elapsed_ms"] == 3500
    assert told["recent"] == []


def test_a_request_that_ended_is_counted_everywhere(monitor: Monitor) -> None:
    done = entry(attempts=[attempt("rate_limited", profile="spare", http_status=429), attempt(number=2)])
    monitor.begin(done)
    monitor.finished([done])
    told = monitor.snapshot()
    assert told["inflight"] == []
    assert told["recent"][0]["id"] == done.id
    assert [each["status"] for each in told["recent"][0]["attempts"]] == ["rate_limited", "ok"]
    sums = {"requests": 1, "errors": 0, "prompt_tokens": 1000, "completion_tokens": 100, "cost": 0.02}
    assert told["totals"] == sums
    assert told["callers"] == [{"caller": "ci", **sums}]
    nothing = {"prompt_tokens": 0, "completion_tokens": 0, "cost": 0.0}
    failed = {"target": "spare/big", "requests": 1, "errors": 1, **nothing}
    assert {row["target"]: row for row in told["models"]} == {
        "work/big": {"target": "work/big", **sums},
        "spare/big": failed,
    }
    minute = told["minutes"][0]
    assert minute["time"] == NOW - 30
    assert {name: minute[name] for name in sums} == sums


@pytest.mark.parametrize(
    ("outcome", "errors"),
    [
        ("ok", 0),
        ("client_left", 0),
        ("cancelled", 0),
        ("server_error", 1),
        ("timeout_first_token", 1),
        ("not_found", 1),
    ],
)
def test_only_failures_count_as_errors(monitor: Monitor, outcome: str, errors: int) -> None:
    monitor.finished([entry(outcome)])
    assert monitor.snapshot()["totals"]["errors"] == errors


def test_the_summary_tells_rates_spend_and_latencies(monitor: Monitor, clock: Clock) -> None:
    monitor.finished([entry(first_token_ms=100.0) for _ in range(90)])
    monitor.finished([entry(first_token_ms=2000.0) for _ in range(9)] + [entry("server_error")])
    clock.now += 30  # the next minute has just begun
    told = monitor.snapshot()["summary"]
    assert told["requests_per_minute"] == 100
    assert told["tokens_per_minute"] == 99 * 1100
    assert told["error_rate"] == 0.01
    assert told["spend_today"] == pytest.approx(99 * 0.02)
    assert told["first_token_p50_ms"] == pytest.approx(100, rel=0.2)
    assert told["first_token_p95_ms"] == pytest.approx(2000, rel=0.2)
    clock.now += 15
    assert monitor.snapshot()["summary"]["requests_per_minute"] == 75  # a quarter of them is too old by now
    clock.now += 75
    assert monitor.snapshot()["summary"]["requests_per_minute"] == 0
    clock.now += 3600
    later = monitor.snapshot()["summary"]
    assert later["error_rate"] is None
    assert later["first_token_p50_ms"] is None


def test_answers_from_the_cache_are_no_latencies_of_a_target(monitor: Monitor) -> None:
    monitor.finished([entry(attempts=[], cache="hit", first_token_ms=0.3)])
    told = monitor.snapshot()
    assert told["totals"]["requests"] == 1
    assert told["summary"]["first_token_p50_ms"] is None


def test_a_day_of_minutes_is_kept_and_no_more(monitor: Monitor, clock: Clock) -> None:
    for _ in range(MINUTES + 10):
        monitor.finished([entry()])
        clock.now += 60
    minutes = monitor.snapshot()["minutes"]
    assert MINUTES - 2 <= len(minutes) <= MINUTES
    assert minutes[0]["time"] > clock.now - 86400
    assert monitor.snapshot()["totals"]["requests"] == MINUTES + 10


def test_what_is_kept_is_bounded(monitor: Monitor) -> None:
    entries = [
        entry(attempts=[attempt(model=f"invented-{i}")], caller=f"caller-{i}") for i in range(MOST_NAMES + 50)
    ]
    monitor.finished(entries)
    for _ in range(MOST_INFLIGHT + 5):
        monitor.begin(entry(""))
    told = monitor.snapshot()
    assert len(told["recent"]) == RECENT
    assert told["recent"][0]["id"] == entries[-1].id
    models = MOST_ANSWERED + MOST_STRANGERS
    for key, name, most in (("models", "work/other", models), ("callers", OTHER, MOST_NAMES)):
        rows = told[key]
        assert len(rows) == most + 1
        other = next(row for row in rows if name in row.values())
        assert other["requests"] == MOST_NAMES + 50 - most
    assert told["in_flight"] == MOST_INFLIGHT + 5
    assert len(told["inflight"]) == MOST_INFLIGHT


def test_configured_targets_are_never_among_the_others(monitor: Monitor) -> None:
    monitor.shown = Shown(lambda profile, model: (profile, model) == ("work", "big"))
    invented = [attempt("not_found", model=f"invented-{i}" + "x" * 500) for i in range(2 * MOST_STRANGERS)]
    monitor.finished([entry(attempts=[each], model=each.model) for each in (*invented, attempt(model="big"))])
    told = monitor.snapshot()
    assert sum(row["target"] == "work/big" and row["requests"] == 1 for row in told["models"]) == 1
    assert len(told["models"]) == MOST_STRANGERS + 2
    names = [row["model"] for row in told["recent"]] + [row["attempts"][0]["model"] for row in told["recent"]]
    assert max(map(len, names)) <= LONGEST


def test_a_snapshot_is_json(monitor: Monitor) -> None:
    monitor.begin(entry(""))
    monitor.finished([entry(), entry("server_error", attempts=[])])
    assert json.loads(json.dumps(monitor.snapshot())) == monitor.snapshot()


def test_cancelling_ends_the_task_and_marks_the_entry(monitor: Monitor) -> None:
    async def run() -> None:
        running = entry("")
        running.task = asyncio.create_task(asyncio.Event().wait())  # type: ignore[arg-type]
        monitor.begin(running)
        assert monitor.cancel(running.id)
        with pytest.raises(asyncio.CancelledError):
            await running.task
        assert running.cancelled

    asyncio.run(run())
    assert not monitor.cancel("no such request")


def test_one_who_follows_hears_what_begins_and_ends(monitor: Monitor) -> None:
    async def run() -> list[Row]:
        messages = monitor.subscribe()
        heard = [await anext(messages)]
        running = entry("")
        monitor.begin(running)
        heard.append(await anext(messages))
        running.attempts.append(attempt("", number=2))
        monitor.changed(running)
        heard.append(await anext(messages))
        running.outcome = "ok"
        monitor.finished([running])
        heard.append(await anext(messages))
        monitor.close()
        heard += [message async for message in messages]
        return heard

    first, begun, changed, ended = asyncio.run(run())
    assert first["type"] == "snapshot"
    assert [row["id"] for row in begun["inflight"]] == [changed["inflight"][0]["id"]]
    assert len(changed["inflight"][0]["attempts"]) == 2
    assert ended["gone"] == [begun["inflight"][0]["id"]]
    assert ended["recent"][0]["id"] == ended["gone"][0]
    assert ended["totals"]["requests"] == 1


def test_many_changes_are_one_message_and_a_slow_reader_gets_a_snapshot(monitor: Monitor) -> None:
    async def run() -> tuple[Row, Row]:
        messages = monitor.subscribe()
        await anext(messages)
        monitor.finished([entry() for _ in range(150)])
        some = await anext(messages)
        monitor.finished([entry() for _ in range(RECENT + 1)])
        return some, await anext(messages)

    some, many = asyncio.run(run())
    assert (some["type"], len(some["recent"])) == ("change", 150)
    assert (many["type"], len(many["recent"])) == ("snapshot", RECENT)


def test_silence_is_broken_now_and_then() -> None:
    monitor = Monitor(list, lambda: NOW)

    async def take() -> Row:
        return monitor.snapshot()

    async def run() -> list[str]:
        messages = follow(take, lambda: False, pause=0.001, quiet=0.01)
        return [(await anext(messages))["type"] for _ in range(3)]

    assert asyncio.run(run()) == ["snapshot", "alive", "alive"]


STEPS = st.lists(st.sampled_from(["begin", "end", "fail", "attempt", "minute", "sick", "look"]), max_size=40)


@given(STEPS)
def test_changes_bring_a_snapshot_up_to_date(steps: list[str]) -> None:
    clock = Clock(NOW)
    health: list[Row] = [HEALTHY]
    monitor = Monitor(lambda: list(health), clock)
    seen = before = monitor.snapshot()

    def look() -> None:
        nonlocal seen, before
        after = monitor.snapshot()
        message = changes(before, after)
        seen = applied(seen, message) if message else seen
        assert _timeless(seen) == _timeless(after)
        before = after

    for step in steps:
        clock.now += 0.1
        _take(step, monitor, clock, health, look)
    look()


def _take(step: str, monitor: Monitor, clock: Clock, health: list[Row], look: Callable[[], None]) -> None:
    running = next(iter(monitor.inflight.values()), None)
    if step == "begin":
        monitor.begin(entry("", [], started=clock.now))
    elif step in ("end", "fail"):
        done = running or entry("", started=clock.now)
        done.outcome, done.total_ms = ("ok" if step == "end" else "server_error"), 12.0
        monitor.finished([done])
    elif step == "attempt" and running:
        running.attempts.append(attempt(""))
        monitor.changed(running)
    elif step == "minute":
        clock.now += 60
    elif step == "sick":
        health[:] = [COOLING]
    elif step == "look":
        look()


def _timeless(snapshot: Row) -> Row:
    """Without what changes by itself; rows of sums in any order."""
    running = [{**row, "elapsed_ms": None} for row in snapshot["inflight"]]
    sums = {name: sorted(snapshot[name], key=str) for name in ("models", "callers")}
    return {**snapshot, **sums, "now": None, "inflight": running}


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from(["ok", "server_error"]), st.floats(1, 60_000)), max_size=30)
)
def test_two_workers_together_tell_what_one_would(done: list[tuple[bool, str, float]]) -> None:
    clock = Clock(NOW)
    one, first, second = (Monitor(list, clock) for _ in range(3))
    for left, outcome, ms in done:
        ended = entry(outcome, first_token_ms=ms, started=clock.now - 1)
        one.finished([ended])
        (first if left else second).finished([ended])
        clock.now += 7
    merged, whole = merge(first.snapshot(), [second.snapshot()]), one.snapshot()
    assert merged["workers"] == 2
    for name in ("totals", "summary", "in_flight", "started"):
        assert merged[name] == pytest.approx(whole[name]) if name == "totals" else merged[name] == whole[name], (
            name
        )
    assert {row["id"] for row in merged["recent"]} == {row["id"] for row in whole["recent"]}
    assert [row["time"] for row in merged["minutes"]] == [row["time"] for row in whole["minutes"]]
    assert [row["first_token"] for row in merged["minutes"]] == [row["first_token"] for row in whole["minutes"]]


def test_of_several_workers_the_worst_state_of_a_target_is_told(clock: Clock) -> None:
    workers = [
        Monitor(lambda row=row: [row], clock).snapshot() for row in (HEALTHY, {**COOLING, "target": "work/big"})
    ]
    [target] = merge(workers[0], workers[1:])["targets"]
    assert (target["state"], target["why"]) == ("cooling", "429: told to wait")
    assert (target["failures"], target["requests"]) == (3, 20)


@given(st.lists(st.floats(1, 600_000), min_size=1, max_size=200), st.sampled_from([0.05, 0.5, 0.95]))
def test_quantiles_are_near_the_true_ones(values: list[float], part: float) -> None:
    counts: sketch.Sketch = {}
    for value in values:
        sketch.add(counts, value)
    true = sorted(values)[math.ceil(len(values) * part) - 1]
    found = sketch.quantile(counts, part)
    assert found is not None
    assert true / 1.2 <= found <= true * 1.2
