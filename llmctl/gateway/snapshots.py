"""Snapshots of the monitor as plain dicts: summed up, merged over workers, and told as changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from llmctl.gateway import sketch

Row = dict[str, Any]

RECENT = 200
MOST_INFLIGHT = 200
"""Of the requests in flight, the oldest are told apart; all are counted."""
DAY = 24 * 3600
WINDOW = 3600
"""Seconds over which error rate and latencies are told."""
PAUSE, QUIET = 0.25, 15.0
"""Seconds: between two changes at least; until one who follows hears that there are none."""

STATES = ("ok", "half-open", "cooling", "open", "dead key")
"""The states of a target, the worst last."""
_COUNTS = ("requests", "errors", "prompt_tokens", "completion_tokens", "cost")


def summary(snapshot: Mapping[str, Any]) -> Row:
    """The figures at a glance. Rates are over the last 60 seconds, the others over WINDOW."""
    now: float = snapshot["now"]
    minutes: list[Row] = snapshot["minutes"]
    window = [minute for minute in minutes if minute["time"] > now - WINDOW]
    requests = sum(minute["requests"] for minute in window)
    today = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    first = sketch.merged(*(minute["first_token"] for minute in window))
    return {
        "requests_per_minute": round(_last_minute(minutes, now, "requests"), 1),
        "tokens_per_minute": round(
            _last_minute(minutes, now, "prompt_tokens") + _last_minute(minutes, now, "completion_tokens")
        ),
        "spend_today": round(sum(minute["cost"] for minute in minutes if minute["time"] >= today), 9),
        "counted_since": round(max(today, snapshot["started"]), 3),
        "error_rate": round(sum(minute["errors"] for minute in window) / requests, 4) if requests else None,
        "first_token_p50_ms": sketch.quantile(first, 0.5),
        "first_token_p95_ms": sketch.quantile(first, 0.95),
    }


def _last_minute(minutes: Sequence[Row], now: float, name: str) -> float:
    """What the last 60 seconds counted, if the minute before was an even one."""
    begin = int(now // 60) * 60
    share = {begin: 1.0, begin - 60: 1 - (now - begin) / 60}
    return float(sum(minute[name] * share.get(minute["time"], 0.0) for minute in minutes[-2:]))


def oldest(inflight: list[Row]) -> list[Row]:
    """The requests that have run longest, first."""
    return sorted(inflight, key=lambda entry: entry["started"])[:MOST_INFLIGHT]


def merge(own: Row, others: Sequence[Row]) -> Row:
    """The snapshots of several workers as one. Raises KeyError, TypeError for what is no snapshot."""
    if not others:
        return own
    each = [own, *others]
    merged = {
        **own,
        "started": min(snapshot["started"] for snapshot in each),
        "workers": sum(snapshot["workers"] for snapshot in each),
        "in_flight": sum(snapshot["in_flight"] for snapshot in each),
        "inflight": oldest([entry for snapshot in each for entry in snapshot["inflight"]]),
        "recent": sorted(
            (entry for snapshot in each for entry in snapshot["recent"]), key=lambda entry: -entry["ended"]
        )[:RECENT],
        "totals": _summed([snapshot["totals"] for snapshot in each]),
        "minutes": sorted(_merged_rows(each, "minutes", "time"), key=lambda minute: minute["time"]),
        "models": _merged_rows(each, "models", "target"),
        "callers": _merged_rows(each, "callers", "caller"),
        "targets": merge_targets([snapshot["targets"] for snapshot in each]),
    }
    return {**merged, "summary": summary(merged)}


def merge_targets(each: Iterable[Sequence[Row]]) -> list[Row]:
    """What several workers know of the targets: counts add up, the worst state counts."""
    found: dict[tuple[str, str], Row] = {}
    for targets in each:
        for row in targets:
            before = found.get(key := (row["target"], row["door"]))
            found[key] = row if before is None else _worse(before, row)
    return list(found.values())


def _worse(one: Row, other: Row) -> Row:
    worst = max(one, other, key=lambda row: STATES.index(row["state"]) if row["state"] in STATES else 0)
    counts = {name: one[name] + other[name] for name in ("failures", "requests")}
    return {**worst, **counts, **{name: _weighted(one, other, name) for name in ("p50_ms", "p95_ms")}}


def _weighted(one: Row, other: Row, name: str) -> float | None:
    known = [(row[name], max(row["requests"], 1)) for row in (one, other) if row[name] is not None]
    weight = sum(requests for _, requests in known)
    return round(sum(value * requests for value, requests in known) / weight, 1) if known else None


def _merged_rows(each: Sequence[Row], part: str, key: str) -> list[Row]:
    groups: dict[Any, list[Row]] = {}
    for snapshot in each:
        for row in snapshot[part]:
            groups.setdefault(row[key], []).append(row)
    rows = [{key: name, **_summed(group)} for name, group in groups.items()]
    return sorted(rows, key=lambda row: (-row["requests"], row[key]))


def _summed(rows: Sequence[Row]) -> Row:
    total: Row = {name: sum(row[name] for row in rows) for name in _COUNTS}
    for name in ("first_token", "total"):
        if name in rows[0]:
            total[name] = sketch.merged(*(row[name] for row in rows))
    return total


def changes(before: Row, after: Row) -> Row | None:
    """What brings `before` up to `after`, None where that is nothing.

    Rows of `inflight`, `minutes`, `models` and `callers` replace those of the same id, time, target or
    caller; `gone` are the ids that are no more in flight; `recent` comes in front. After too long a
    time this is the snapshot itself.
    """
    known = {entry["id"] for entry in before["recent"]}
    recent = [entry for entry in after["recent"] if entry["id"] not in known]
    if len(recent) >= RECENT or any(before[name] != after[name] for name in ("started", "workers")):
        return {"type": "snapshot", **after}
    running = {entry["id"] for entry in after["inflight"]}
    found: Row = {
        "inflight": _changed_rows(before["inflight"], after["inflight"], "id", but="elapsed_ms"),
        "gone": [entry["id"] for entry in before["inflight"] if entry["id"] not in running],
        "recent": recent,
        "minutes": _changed_rows(before["minutes"], after["minutes"], "time"),
        "models": _changed_rows(before["models"], after["models"], "target"),
        "callers": _changed_rows(before["callers"], after["callers"], "caller"),
    }
    found = {name: rows for name, rows in found.items() if rows}
    found |= {
        name: after[name] for name in ("in_flight", "totals", "targets", "summary") if before[name] != after[name]
    }
    return {"type": "change", "now": after["now"], **found} if found else None


def _changed_rows(before: Sequence[Row], after: Sequence[Row], key: str, but: str = "") -> list[Row]:
    known = {row[key]: {**row, but: None} for row in before}
    return [row for row in after if known.get(row[key]) != {**row, but: None}]


def applied(before: Row, message: Row) -> Row:
    """The snapshot that a message of `follow` brings about; `before` is not changed, and may be {}."""
    if message["type"] == "snapshot":
        return {name: value for name, value in message.items() if name != "type"}
    after = {**before, "now": message["now"]}
    for name in ("in_flight", "totals", "targets", "summary"):
        after[name] = message.get(name, before[name])
    gone = set(message.get("gone", ()))
    running = [entry for entry in before["inflight"] if entry["id"] not in gone]
    after["inflight"] = oldest(_replaced(running, message.get("inflight", ()), "id"))
    after["recent"] = [*message.get("recent", ()), *before["recent"]][:RECENT]
    for name, key in (("minutes", "time"), ("models", "target"), ("callers", "caller")):
        after[name] = _replaced(before[name], message.get(name, ()), key)
    after["minutes"] = [minute for minute in after["minutes"] if minute["time"] > after["now"] - DAY]
    return after


def _replaced(rows: Sequence[Row], changed: Sequence[Row], key: str) -> list[Row]:
    return list({row[key]: row for row in (*rows, *changed)}.values())


async def follow(
    take: Callable[[], Awaitable[Row]], ended: Callable[[], bool], pause: float = PAUSE, quiet: float = QUIET
) -> AsyncGenerator[Row, None]:
    """A snapshot, then changes, until `ended`: "type" is snapshot, change, or alive after `quiet` seconds.

    What changed is worked out when the next message is asked for, so one who reads slowly has no queue:
    his next message tells more.
    """
    before = await take()
    yield {"type": "snapshot", **before}
    told = time.monotonic()
    while not ended():
        await asyncio.sleep(pause)
        after = await take()
        message = changes(before, after)
        before = after
        if message is None and time.monotonic() - told >= quiet:
            message = {"type": "alive", "now": after["now"]}
        if message is not None:
            told = time.monotonic()
            yield message
