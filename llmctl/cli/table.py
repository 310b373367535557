"""Tables: aligned with a header for people, tab-separated without one for programs."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence, Set

from llmctl.cli.streams import BOLD, Streams, harmless


def print_table(
    streams: Streams, header: Sequence[str], rows: Sequence[Sequence[str]], right: Set[int] = frozenset()
) -> None:
    """Print rows; the columns in `right` are aligned to the right. Into a pipe: tabs, and no header."""
    if not streams.terminal:
        for row in rows:
            streams.out("\t".join(row))
        return
    rows = [[harmless(cell) for cell in row] for row in rows]
    widths = [max(cell_width(row[i]) for row in [header, *rows]) for i in range(len(header))]
    title = "  ".join(_fit(name, widths[i], i in right) for i, name in enumerate(header)).rstrip()
    streams.out(f"\x1b[{BOLD}m{title}\x1b[0m" if streams.coloured_output else title)
    for row in rows:
        streams.out("  ".join(_fit(cell, widths[i], i in right) for i, cell in enumerate(row)).rstrip())


def cell_width(text: str) -> int:
    """Columns that the text takes on a terminal."""
    return sum(
        2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text
    )


def _fit(text: str, width: int, right: bool) -> str:
    fill = " " * (width - cell_width(text))
    return fill + text if right else text + fill
