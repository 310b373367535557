"""Usage for people: a table that fits the window, with a bar for each group."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence

from llmctl.cli.logs.words import cut, money, one_line
from llmctl.cli.streams import BOLD, CYAN, Streams, harmless
from llmctl.cli.table import cell_width
from llmctl.cli.usage.sums import Report, values, weight
from llmctl.store.ledger import Total

SMALLEST_BAR, WIDEST_BAR = 6, 40
_BY_PYTHON = ("C.UTF-8", "C.utf8", "UTF-8")
"""What Python itself sets LC_CTYPE to where LANG is no UTF-8 locale, for its own sake."""
_EIGHTHS = " ▏▎▍▌▋▊▉"
_GAP = "  "

Column = tuple[str, Callable[[Total], str]]


class _Layout:
    """The richest of the tables that fits; the bars take what is left. Widths in columns."""

    def __init__(self, report: Report, width: int) -> None:
        groups = [*report.groups, report.total]
        names = [report.by, *map(_name, groups)]
        self.columns, room = _fitting(groups, width, min(max(map(cell_width, names)), 30 if width >= 80 else 10))
        self.widths = [_widest(column, groups) for column in self.columns]
        left = width - sum(self.widths) - len(_GAP) * len(self.widths)
        self.name = min(max(map(cell_width, names)), max(left, 4))
        self.bar = min(left - self.name - len(_GAP), WIDEST_BAR) if room else 0

    def header(self, by: str) -> str:
        return self._line(by.upper(), [name for name, _ in self.columns])

    def row(self, group: Total) -> str:
        return self._line(_name(group), [cell(group) for _, cell in self.columns])

    def _line(self, name: str, cells: Sequence[str]) -> str:
        name = cut(name, self.name)
        filled = [" " * (size - cell_width(cell)) + cell for cell, size in zip(cells, self.widths, strict=True)]
        return _GAP.join([name + " " * (self.name - cell_width(name)), *filled])


def print_chart(report: Report, streams: Streams) -> None:
    """Print the table, the total below."""
    layout = _Layout(report, shutil.get_terminal_size().columns)
    draw = _bars(report.groups, layout.bar, streams.env)
    streams.out(_painted(layout.header(report.by), BOLD, streams))
    for group in report.groups:
        bar = draw(group)
        streams.out(layout.row(group) + (_GAP + _painted(bar, CYAN, streams) if bar else ""))
    streams.out(_painted(layout.row(report.total), BOLD, streams))


def _fitting(groups: Sequence[Total], width: int, name: int) -> tuple[Sequence[Column], bool]:
    """(the columns beside the name, whether bars have room)."""
    for columns, bar in _TABLES:
        taken = name + sum(len(_GAP) + _widest(column, groups) for column in columns)
        if taken + (len(_GAP) + SMALLEST_BAR if bar else 0) <= width:
            return columns, bar
    return [("COST", _cost)], False


def _widest(column: Column, groups: Sequence[Total]) -> int:
    return max(map(cell_width, [column[0], *map(column[1], groups)]))


def _bars(groups: Sequence[Total], width: int, env: Mapping[str, str]) -> Callable[[Total], str]:
    """Draws a group's bar: its cost beside the largest one, or its tokens where no cost is known."""
    priced = any(group.cost for group in groups)

    def amount(group: Total) -> float:
        return (group.cost or 0.0) if priced else float(weight(group))

    largest = max((amount(group) for group in groups), default=0.0) or 1.0
    blocks = _shows_blocks(env)

    def bar(group: Total) -> str:
        share = amount(group) / largest * width
        if not blocks:
            return "#" * round(share)
        whole, rest = divmod(round(share * 8), 8)
        return ("█" * whole + _EIGHTHS[rest]).rstrip()

    return bar


def _shows_blocks(env: Mapping[str, str]) -> bool:
    """Whether the terminal is one for Unicode: no locale says otherwise."""
    locale = {name: env.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG")}
    if locale["LANG"] and locale["LC_CTYPE"] in _BY_PYTHON:
        locale["LC_CTYPE"] = ""
    named = next(filter(None, locale.values()), "")
    return "utf" in (named or sys.stdout.encoding or "utf-8").lower()


def _name(group: Total) -> str:
    return harmless(one_line(group.group)) or "(none)"


def _number(group: Total) -> str:
    return f"{group.requests:,}"


def _requests(group: Total) -> str:
    return _number(group) + (f", {group.failed:,} failed" if group.failed else "")


def _in(group: Total) -> str:
    return _count(values(group)["prompt_tokens"])


def _out(group: Total) -> str:
    return _count(values(group)["completion_tokens"])


def _came_in(group: Total) -> str:
    return _in(group) + (f" ({_count(group.cached_tokens)})" if group.cached_tokens else "")


def _went_out(group: Total) -> str:
    return _out(group) + (f" ({_count(group.reasoning_tokens)})" if group.reasoning_tokens else "")


def _cost(group: Total) -> str:
    if group.cost is None:
        return "unknown" if group.unknown_cost else "-"
    cost = round(group.cost, 2) if group.cost >= 0.1 else round(group.cost, 6)
    return money(cost or group.cost) + (f" + {group.unknown_cost:,} unknown" if group.unknown_cost else "")


def _count(count: int | None) -> str:
    """12,345 as 12.3k."""
    if count is None:
        return "?"
    for scale, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if count >= scale:
            unit = scale if letter != "k" else 1e3
            return f"{count / unit:.1f}{letter}"
    return f"{count:,}"


def _painted(text: str, colour: str, streams: Streams) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if streams.coloured_output else text


_REQUESTS, _COST = ("REQUESTS", _requests), ("COST", _cost)
_DETAILS: Sequence[Column] = (_REQUESTS, ("IN (CACHED)", _came_in), ("OUT (REASONING)", _went_out), _COST)
_COUNTS: Sequence[Column] = (_REQUESTS, ("IN", _in), ("OUT", _out), _COST)
_FEW: Sequence[Column] = (_REQUESTS, _COST)
_TABLES = (
    (_DETAILS, True),
    (_COUNTS, True),
    (_COUNTS, False),
    (_FEW, True),
    (_FEW, False),
    ((("REQUESTS", _number), _COST), False),
)
"""Columns, and whether bars stand behind them, the richest first."""
