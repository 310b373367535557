"""`llmctl usage`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

import typer

from llmctl.cli.history import store_to_read
from llmctl.cli.logs.costs import Costs
from llmctl.cli.options import command
from llmctl.cli.streams import Streams
from llmctl.cli.usage.sums import Report, grand_total, largest_first
from llmctl.core.when import day_of, midnight, moment
from llmctl.errors import UsageError

EXAMPLES = """
llmctl usage
llmctl usage --by model --since 2026-11-01
llmctl usage --by profile --since 7d --json | jq .total.cost
llmctl usage --since 1y --csv > costs.csv
"""
DAYS = 30


@dataclass(frozen=True)
class UsageOptions:
    """Options of `llmctl usage`."""

    by: Annotated[
        Literal["day", "profile", "model", "caller"],
        typer.Option("--by", metavar="WHAT", help="day, profile, model or caller [day]."),
    ] = "day"
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", help="From then on [30 days]: 2026-11-01, 7d, today, yesterday."),
    ] = None
    until: Annotated[
        str | None, typer.Option("--until", metavar="WHEN", help="Up to then [now]; a day counts to its end.")
    ] = None
    profile: Annotated[
        str | None, typer.Option("-p", "--profile", metavar="NAME", help="Only requests to this profile.")
    ] = None
    model: Annotated[
        str | None, typer.Option("-m", "--model", metavar="NAME", help="Only requests to this model.")
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False
    csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values with a header.")] = False


def run(options: UsageOptions, streams: Streams) -> None:
    """Add up requests, tokens and costs, by default of the last 30 days and day by day.

    Costs are in US dollars: as the provider billed them, else by your [prices], else by public list
    prices. What nobody knows is called unknown and is in no sum. Into a pipe each group is a line of
    tab-separated fields, those of --csv.
    """
    if options.json and options.csv:
        raise UsageError("--json and --csv exclude each other")
    since, until = _span(options, time.time())
    only = {name: value for name, value in (("profile", options.profile), ("model", options.model)) if value}
    with store_to_read(streams) as store:
        Costs(store, streams).look_up_all()
        groups = store.ledger.totals(options.by, since, until, **only)
    if options.by != "day":
        groups = largest_first(groups)
    _show(Report(options.by, since, until, groups, grand_total(groups)), options, streams)
    if not groups:
        streams.note("no requests in this time")


def _span(options: UsageOptions, now: float) -> tuple[float, float]:
    """From when until when, in seconds since 1970. Raises UsageError."""
    until = moment(options.until, now, end=True) if options.until else now + 1
    first_day = day_of(until - 1) - timedelta(days=DAYS - 1)
    since = moment(options.since, now) if options.since else midnight(first_day)
    if since >= until:
        raise UsageError("--since is not before --until" if options.until else "--since lies in the future")
    return since, until


def _show(report: Report, options: UsageOptions, streams: Streams) -> None:
    if options.json:
        from llmctl.cli.logs.words import out_json

        out_json(streams, report.as_dict())
    elif options.csv:
        from llmctl.cli.usage.plain import print_csv

        print_csv(report, streams)
    elif not streams.terminal:
        from llmctl.cli.usage.plain import print_lines

        print_lines(report, streams)
    elif report.groups:
        from llmctl.cli.pager import paged
        from llmctl.cli.usage.chart import print_chart

        with paged(streams):
            print_chart(report, streams)


app = command(UsageOptions, run, EXAMPLES)
