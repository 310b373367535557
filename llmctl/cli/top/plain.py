"""One look at the gateway as text."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from llmctl.cli.streams import BOLD, Streams
from llmctl.cli.table import print_table
from llmctl.cli.top.words import (
    RECENT,
    RUNNING,
    TARGETS,
    Row,
    duration,
    figures,
    recent_row,
    running_row,
    target_row,
)

SHOWN = 20
"""Of the recent requests."""


def print_plain(snapshot: Row, url: str, streams: Streams) -> None:
    """Tables for people; for programs a line for each request and target, that begins with what it is."""
    now = snapshot["now"]
    running = [running_row(entry, now) for entry in snapshot["inflight"]]
    recent = [recent_row(entry) for entry in snapshot["recent"][:SHOWN]]
    targets = [target_row(row, now) for row in snapshot["targets"]]
    if not streams.terminal:
        for kind, rows in (("running", running), ("recent", recent), ("target", targets)):
            for row in rows:
                streams.out("\t".join([kind, *row]))
        return
    streams.out(title(snapshot, url))
    streams.out("  ".join(f"{value} {what}" for what, value in figures(snapshot)))
    _section("In flight", RUNNING, running, {0}, streams)
    _section("Recent", RECENT, recent, {4, 5, 6, 7}, streams)
    _section("Targets", TARGETS, targets, {3, 4, 5}, streams)


def title(snapshot: Row, url: str) -> str:
    """Which gateway this is."""
    workers = f", {snapshot['workers']} workers" if snapshot["workers"] > 1 else ""
    up = duration((snapshot["now"] - snapshot["started"]) * 1000)
    return f"llmctl {snapshot['version']} at {url}, up {up}{workers}"


def _section(
    name: str, header: Sequence[str], rows: Sequence[Sequence[str]], right: AbstractSet[int], streams: Streams
) -> None:
    streams.out("")
    streams.out(f"\x1b[{BOLD}m{name}\x1b[0m" if streams.coloured_output else name)
    if rows:
        print_table(streams, header, rows, right)
    else:
        streams.out("nothing")
