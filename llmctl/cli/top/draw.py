"""The parts of the screen as text that fits its width."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from llmctl.cli.logs.words import cut
from llmctl.cli.streams import harmless
from llmctl.cli.table import cell_width
from llmctl.cli.top import words
from llmctl.cli.top.plain import title

Row = Mapping[str, Any]

GAP = "  "
TREND = 30
"""Minutes of a sparkline."""
SHOWN = 50
"""Of the recent requests."""
MOST_TARGETS = 8
LEAST_RECENT = 5
"""Lines that the recent requests get whatever the targets take: a blank, two of heading, two requests."""
OUTCOMES = {"ok": "green", "cached": "cyan", "cancelled": "dim", "client_left": "dim", "lost": "dim"}
STATES = {
    "ok": "green",
    "failing": "yellow",
    "half-open": "yellow",
    "cooling": "yellow",
    "open": "red",
    "dead key": "red",
}
RECENT = ((0, 3, 7, 1), (0, 1, 3, 7), (0, 1, 2, 3, 5, 7), (0, 1, 2, 3, 5, 6, 7), tuple(range(len(words.RECENT))))
"""Columns of the recent requests, for wider and wider screens."""
TARGETS = ((0, 1), (0, 1, 4, 6), tuple(range(len(words.TARGETS))))
_WIDTHS = (0, 50, 84, 100, 118)
_TRENDS = (
    ("requests", ("requests",)),
    ("tokens", ("prompt_tokens", "completion_tokens")),
    ("spend", ("cost",)),
)


def head(snapshot: Row, url: str, lost: str, width: int) -> Text:
    """The title, figures as many as fit a line, and sparklines where there is room."""
    text = Text(no_wrap=True).append(cut(title(snapshot, url), width), "bold")
    if lost:
        text.append("\n" + cut(harmless(f"disconnected, retrying: {lost}"), width), "bold red")
    used = width
    for what, value in words.figures(snapshot):
        size = len(value) + len(what) + 1 + len(GAP)
        if used + size > width:
            text.append("\n")
            used = 0
        text.append(value, "bold cyan").append(f" {what}{GAP}", "dim")
        used += size
    for what, names in _TRENDS if width >= TREND + 20 else ():
        text.append(f"\n{what:<10}", "dim")
        text.append(words.sparkline(words.by_minute(snapshot, names, TREND)), "blue")
        text.append(f" {TREND} min", "dim")
    return text


def recent(entries: Sequence[Row], width: int) -> Text:
    """The last requests; below one with several attempts, each of these."""
    if not entries:
        return Text("\nNo requests yet.", "dim")
    columns = RECENT[sum(width >= least for least in _WIDTHS) - 1]
    rows = [words.recent_row(entry) for entry in entries[:SHOWN]]
    lines = _lines("RECENT", words.RECENT, columns, rows, width, right={4, 5, 6, 7})
    text = lines.pop(0)
    for entry, row, line in zip(entries, rows, lines, strict=False):
        status = f" {row[3]} "
        if (found := line.plain.find(status)) >= 0:
            line.stylize(OUTCOMES.get(row[3], "red"), found, found + len(status))
        text.append("\n").append_text(line)
        for attempt in entry["attempts"] if len(entry["attempts"]) > 1 else ():
            text.append("\n" + cut(harmless(f"          {words.attempt_line(attempt)}"), width), "dim")
    return text


def targets(rows: Sequence[Row], now: float, width: int, room: int) -> Text:
    """The targets in trouble, and those with the most requests, with their states and why they are in it.

    `room` is how many lines it may take; it is one line where that is too few for a table.
    """
    most = min(MOST_TARGETS, room - 3 if len(rows) <= room - 3 else room - 4)  # 3 of heading, 1 for the others
    if not rows or most < 1:
        return _summary(rows, width)
    more = len(rows) - most
    rows = sorted(rows, key=lambda row: (-_trouble(row), -row["requests"], row["target"]))[:most]
    columns = TARGETS[0 if width < 60 else 1 if width < 100 else 2]
    cells = [words.target_row(row, now) for row in rows]
    text, *lines = _lines("TARGETS", words.TARGETS, columns, cells, width, right={3, 4, 5})
    for row, line in zip(rows, lines, strict=True):
        line.stylize(STATES.get(row["state"], ""), 0, len(row["state"]))
        text.append("\n").append_text(line)
    if more > 0:
        text.append(f"\nand {more} more", "dim")
    return text


def _summary(rows: Sequence[Row], width: int) -> Text:
    states = Counter(row["state"] for row in rows)
    told = ", ".join(f"{states[state]} {state}" for state in sorted(states, key=lambda state: -_rank(state)))
    return Text(cut(harmless(f"TARGETS  {told}"), width), "dim") if rows else Text()


def _trouble(row: Row) -> int:
    return _rank(row["state"])


def _rank(state: str) -> int:
    return list(STATES).index(state) if state in STATES else 0


def _lines(
    name: str,
    header: Sequence[str],
    columns: Sequence[int],
    rows: Sequence[Sequence[str]],
    width: int,
    right: set[int],
) -> list[Text]:
    """The heading, and a line for each row; what is too long for its column, or the screen, is cut."""
    sizes = {i: max(cell_width(row[i]) for row in (header, *rows)) for i in columns}
    flexible = [i for i in columns if header[i] in ("MODEL", "TARGET", "WHY")]
    over = sum(sizes.values()) + len(GAP) * len(columns) - width
    for i in sorted(flexible, key=lambda i: -sizes[i]):
        taken = max(min(over, sizes[i] - max(width // 8, 10)), 0)
        sizes[i], over = sizes[i] - taken, over - taken

    def line(row: Sequence[str]) -> str:
        cells = [cut(harmless(row[i]), sizes[i]) for i in columns]
        fills = [" " * (sizes[i] - cell_width(cell)) for i, cell in zip(columns, cells, strict=True)]
        placed = [f + c if i in right else c + f for i, c, f in zip(columns, cells, fills, strict=True)]
        return cut(GAP.join(placed), width)

    heading = Text(no_wrap=True).append(f"\n{name}\n", "bold").append(line(header), "dim")
    return [heading, *(Text(line(row)) for row in rows)]
