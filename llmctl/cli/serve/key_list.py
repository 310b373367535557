"""`llmctl serve key list`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from llmctl.cli.logs.words import local, short_date
from llmctl.cli.options import command
from llmctl.cli.pager import paged
from llmctl.cli.serve.key_add import describe
from llmctl.cli.serve.keys import keys_to_read
from llmctl.cli.streams import Streams
from llmctl.cli.table import print_table
from llmctl.core.money import dollars

if TYPE_CHECKING:
    from llmctl.store.keys import GatewayKey

HEADER = ("NAME", "ID", "STATE", "ROLE", "MODELS", "LIMITS", "SPENT", "CREATED", "EXPIRES")


@dataclass(frozen=True)
class ListOptions:
    """Options of `llmctl serve key list`."""

    json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False


def run(options: ListOptions, streams: Streams) -> None:
    """List the keys, also those that expired or were revoked.

    What was spent is of the budget's day or month, or else since the key was made; a + means that the cost
    of some answers is unknown. Into a pipe each key is a line of tab-separated fields.
    """
    now = time.time()
    with keys_to_read(streams) as (known, spent):
        keys = [(key, *spent(key, now)) for key in known.all()]
    if options.json:
        streams.out_json(
            [{**describe(key), "spent_usd": usd, "unknown_cost": unknown} for key, usd, unknown in keys]
        )
        return
    date = partial(short_date, now=now) if streams.terminal else local
    with paged(streams):
        print_table(streams, HEADER, [_row(key, usd, unknown, date) for key, usd, unknown in keys])
    if not keys:
        streams.note("there are none; make one with: llmctl serve key add NAME")


def _row(key: GatewayKey, usd: float, unknown: int, date: Callable[[float], str]) -> list[str]:
    return [
        key.name,
        key.id,
        key.state(time.time()),
        "admin" if key.admin else "client",
        ", ".join(key.models) or "all models",
        ", ".join(_limits(key)) or "no limits",
        f"{dollars(usd)}{'+' if unknown else ''}",
        date(key.created),
        "never" if key.expires is None else date(key.expires),
    ]


def _limits(key: GatewayKey) -> list[str]:
    rates = ((key.requests_per_minute, "requests"), (key.tokens_per_minute, "tokens"))
    limits = [f"{limit} {what}/min" for limit, what in rates if limit is not None]
    if key.budget_usd is None:
        return limits
    return [*limits, f"${key.budget_usd:g}{'' if key.budget_period == 'total' else f'/{key.budget_period}'}"]


app = command(ListOptions, run, "llmctl serve key list")
