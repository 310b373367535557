"""A snapshot in words: figures, and a row of text for each request and target."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from llmctl.cli.logs.words import money, one_line
from llmctl.cli.streams import harmless

Row = Mapping[str, Any]

NONE = "-"
BLOCKS = "▁▂▃▄▅▆▇█"
RUNNING = ("ELAPSED", "MODEL", "TARGET", "CALLER", "ID")
RECENT = ("ENDED", "MODEL", "TARGET", "STATUS", "TOKENS", "COST", "FIRST", "TOTAL", "CALLER")
TARGETS = ("STATE", "TARGET", "DOOR", "P50", "P95", "REQUESTS", "WHY")


def figures(snapshot: Row) -> list[tuple[str, str]]:
    """(what, how much) at a glance."""
    summary = snapshot["summary"]
    rate = summary["error_rate"]
    return [
        ("in flight", count(snapshot["in_flight"])),
        ("requests/min", count(summary["requests_per_minute"])),
        ("tokens/min", count(summary["tokens_per_minute"])),
        ("today", money(summary["spend_today"])),
        ("errors", NONE if rate is None else f"{rate:.1%}"),
        ("first token p50", duration(summary["first_token_p50_ms"])),
        ("p95", duration(summary["first_token_p95_ms"])),
    ]


def running_row(entry: Row, now: float) -> list[str]:
    """The cells of RUNNING."""
    elapsed = duration(max(now - entry["started"], 0) * 1000)
    return [elapsed, _text(entry["model"]), _target(entry), _text(entry["caller"]), _text(entry["id"])]


def recent_row(entry: Row) -> list[str]:
    """The cells of RECENT."""
    tokens = [_total(entry, name) for name in ("prompt_tokens", "completion_tokens")]
    return [
        time.strftime("%H:%M:%S", time.localtime(entry["ended"])),
        _text(entry["model"]),
        _target(entry),
        status(entry),
        f"{count(tokens[0])}/{count(tokens[1])}",
        NONE if entry["cost"] is None else money(entry["cost"]),
        duration(entry["first_token_ms"]),
        duration(entry["total_ms"]),
        _text(entry["caller"]),
    ]


def target_row(row: Row, now: float) -> list[str]:
    """The cells of TARGETS."""
    left = f"{duration((row['until'] - now) * 1000)} left" if row["until"] and row["until"] > now else ""
    return [
        row["state"],
        _text(row["target"]),
        _text(row["door"]),
        duration(row["p50_ms"]),
        duration(row["p95_ms"]),
        count(row["requests"]),
        _text(", ".join(filter(None, (row["why"], left))), ""),
    ]


def attempt_line(attempt: Row) -> str:
    """An attempt that was not the only one: what became of it, and why it was made."""
    said = " ".join(filter(None, (str(attempt["http_status"] or ""), attempt["status"] or "running")))
    where = f"{attempt['profile']}/{attempt['model']}"
    return _text(f"{attempt['number']} {where}: {said}, {duration(attempt['total_ms'])}; {attempt['why']}")


def status(entry: Row) -> str:
    """How a request ended."""
    if entry["cache"] == "hit":
        return "cached"
    code = entry["status"]
    return f"{code} {entry['outcome']}" if code and code != 200 else entry["outcome"] or NONE


def sparkline(values: Sequence[float]) -> str:
    """The values as blocks of different heights."""
    most = max(values, default=0)
    return "".join(BLOCKS[round(value / most * (len(BLOCKS) - 1))] if most else BLOCKS[0] for value in values)


def by_minute(snapshot: Row, names: Sequence[str], minutes: int) -> list[float]:
    """The sum of the names in each of the last whole minutes."""
    last = int(snapshot["now"] // 60) * 60
    known = {row["time"]: sum(row[name] for name in names) for row in snapshot["minutes"]}
    return [known.get(last - 60 * back, 0.0) for back in range(minutes, 0, -1)]


def count(value: float | None) -> str:
    """1234 → 1,234; 1234567 → 1.23M."""
    if value is None:
        return NONE
    if value >= 1e6:
        return f"{value / 1e6:.2f}M"
    if value >= 1e5:
        return f"{value / 1e3:.0f}k"
    return f"{value:.1f}" if value % 1 and value < 10 else f"{value:,.0f}"


def duration(ms: float | None) -> str:
    """Milliseconds as ms, s, min or h."""
    if ms is None:
        return NONE
    if ms < 999.5:
        return f"{ms:.0f} ms" if ms >= 9.95 or ms == 0 else f"{ms:.1f} ms"
    if ms < 99_950:
        return f"{ms / 1000:.2f} s" if ms < 9995 else f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 24:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def _text(text: str, nothing: str = NONE) -> str:
    """What clients and providers wrote, on one line and without control characters."""
    return harmless(one_line(text)) or nothing


def _target(entry: Row) -> str:
    attempts = entry["attempts"]
    chosen = next((each for each in attempts if each["status"] == "ok"), attempts[-1] if attempts else None)
    return _text(f"{chosen['profile']}/{chosen['model']}") if chosen else NONE


def _total(entry: Row, name: str) -> int | None:
    known = [attempt[name] for attempt in entry["attempts"] if attempt[name] is not None]
    return sum(known) if known else None
