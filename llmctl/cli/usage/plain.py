"""Usage for programs: comma-separated values, and lines of tab-separated fields."""

from __future__ import annotations

import csv
import io
from typing import Any

from llmctl.cli.logs.words import one_line, out_text
from llmctl.cli.streams import Streams
from llmctl.cli.usage.sums import COLUMNS, Report, values
from llmctl.store.ledger import Total


def print_csv(report: Report, streams: Streams) -> None:
    """A header, then a line for each group. A cost that is unknown is an empty field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([report.by, *COLUMNS])
    writer.writerows([group.group, *_fields(group)] for group in report.groups)
    out_text(streams, text.getvalue().rstrip("\n"))


def print_lines(report: Report, streams: Streams) -> None:
    """A line for each group; the fields are those of the CSV."""
    for group in report.groups:
        streams.out("\t".join([one_line(group.group), *_fields(group)]))


def _fields(group: Total) -> list[str]:
    return [_field(value) for value in values(group).values()]


def _field(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.9f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
