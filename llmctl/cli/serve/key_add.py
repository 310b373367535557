"""`llmctl serve key add`."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from llmctl.cli.options import command
from llmctl.cli.serve.keys import keys_to_change
from llmctl.cli.serve.patterns import unmatched
from llmctl.cli.streams import Streams
from llmctl.core.when import duration, moment
from llmctl.errors import UsageError

if TYPE_CHECKING:
    from llmctl.store.keys import GatewayKey

EXAMPLES = """
llmctl serve key add laptop
llmctl serve key add ci --model "groq/*" --requests-per-minute 60 --budget 5/day --expires 90d
export OPENAI_API_KEY=$(llmctl serve key add notebook --model fast)
"""
_EXPIRES = "for example: 30d, 1y, 2027-01-01"
_BUDGET = re.compile(r"\$?(\d{1,9}(?:\.\d{1,9})?|\.\d{1,9})(?:/(day|month|total))?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class AddOptions:
    """Options of `llmctl serve key add`."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is: letters, digits, dots, _ and -.")]
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="PATTERN",
            help="A model that it may ask, as PROFILE/MODEL, alias or route; * is anything. Repeatable [all].",
        ),
    ] = None
    requests_per_minute: Annotated[
        int | None, typer.Option("--requests-per-minute", metavar="N", min=1, help="Requests in any 60 seconds.")
    ] = None
    tokens_per_minute: Annotated[
        int | None,
        typer.Option("--tokens-per-minute", metavar="N", min=1, help="Tokens of both sides in any 60 seconds."),
    ] = None
    budget: Annotated[
        str | None,
        typer.Option("--budget", metavar="USD[/day|/month]", help="What it may spend, in total or by day (UTC)."),
    ] = None
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="WHEN", help="When it ends: 30d, 1y, 2027-01-01.")
    ] = None
    admin: Annotated[
        bool, typer.Option("--admin", help="It may also see the dashboard, and everybody's requests.")
    ] = False
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False


def run(options: AddOptions, streams: Streams) -> None:
    """Make a key for a program or a person that asks `llmctl serve`.

    It is printed once, and only its hash is kept. A running gateway knows it within seconds.
    """
    from llmctl.store.keys import GatewayKey

    usd, period = budget_of(options.budget)
    wanted = GatewayKey(
        options.name,
        models=tuple(options.model or ()),
        requests_per_minute=options.requests_per_minute,
        tokens_per_minute=options.tokens_per_minute,
        budget_usd=usd,
        budget_period=period,
        admin=options.admin,
        expires=_expiry(options.expires, time.time()),
    )
    with keys_to_change(streams) as keys:
        key, secret = keys.add(wanted)
    if options.json:
        streams.out_json({"key": secret, **describe(key)})
    else:
        streams.out(secret)
    streams.note(f"added {key.name}; the key is shown only now")
    for pattern in unmatched(key.models, streams.env):
        streams.note(f"no profile, route or alias of the config fits --model {pattern!r} yet")
    streams.note("programs send it as Authorization: Bearer KEY, most of them take it from OPENAI_API_KEY")


def describe(key: GatewayKey) -> dict[str, object]:
    """The key as JSON; nothing of it is secret."""
    from llmctl.cli.logs.words import iso

    times = {name: getattr(key, name) for name in ("created", "expires", "revoked")}
    return {
        "name": key.name,
        "id": key.id,
        "state": key.state(time.time()),
        "models": list(key.models),
        "requests_per_minute": key.requests_per_minute,
        "tokens_per_minute": key.tokens_per_minute,
        "budget_usd": key.budget_usd,
        "budget_period": key.budget_period,
        "admin": key.admin,
        **{name: None if value is None else iso(value) for name, value in times.items()},
    }


def budget_of(text: str | None) -> tuple[float | None, str]:
    """(US dollars or None, total, month or day) of "5", "5/day". Raises UsageError."""
    if text is None:
        return None, "total"
    found = _BUDGET.fullmatch(text.strip())
    if not found or not float(found[1]):
        raise UsageError(f"--budget {text!r} is no amount of US dollars", hint="for example: 20, 5/day, 100/month")
    return float(found[1]), (found[2] or "total").lower()


def _expiry(text: str | None, now: float) -> float | None:
    """A length of time counts from now. Raises UsageError, also for what is over."""
    if text is None:
        return None
    try:
        when = _when(text, now)
    except UsageError as error:
        raise UsageError(f"--expires: {error.message}", hint=_EXPIRES) from None
    if when <= now:
        raise UsageError(f"--expires {text} is not in the future", hint=_EXPIRES)
    return when


def _when(text: str, now: float) -> float:
    try:
        return now + duration(text)
    except UsageError:
        return moment(text, now)


app = command(AddOptions, run, EXAMPLES)
