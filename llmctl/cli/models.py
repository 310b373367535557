"""`llmctl models`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer

from llmctl.cli import modelcache
from llmctl.cli.options import TargetOptions, command
from llmctl.cli.pager import paged
from llmctl.cli.session import Session, open_session
from llmctl.cli.streams import Streams
from llmctl.cli.table import print_table
from llmctl.core.models import Model
from llmctl.errors import LlmctlError, NetworkError, TimedOut

EXAMPLES = """
llmctl models
llmctl models -p openrouter claude --refresh
llmctl models --json | jq -r '.[] | select(.context > 100000) | .id'
"""


@dataclass(frozen=True)
class ModelsOptions(TargetOptions):
    """Options of `llmctl models`."""

    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORD]...", help="Only models whose name holds each word.")
    ] = None
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the provider, even if the list is fresh.")] = (
        False
    )
    json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False


def run(options: ModelsOptions, streams: Streams) -> None:
    """List the models of a provider, with context length and prices where they are known.

    The list is kept for a day. Prices are USD per million tokens. Into a pipe each model is a line
    of tab-separated fields, the name first.
    """
    session = open_session(options, streams)
    words = [word.lower() for word in options.words or ()]
    models = [
        _priced(model, session)
        for model in _models(session, options.refresh)
        if all(word in model.id.lower() for word in words)
    ]
    if options.json:
        streams.out_json([model.as_dict() for model in models])
        return
    chosen = session.target.model
    rows = [[_marked(model.id, chosen, streams), *_facts(model)] for model in models]
    with paged(streams):
        print_table(streams, ["MODEL", "CONTEXT", "INPUT $/M", "OUTPUT $/M", "OWNER"], rows, right={1, 2, 3})
    if not models:
        streams.note("no model matches" if words else "the provider lists no models")


def _models(session: Session, refresh: bool) -> list[Model]:
    kept = None if session.target.embedded else modelcache.load(session)
    if kept and not refresh and kept[1] < modelcache.FRESH_SECONDS:
        return kept[0]

    async def fetch(client: Any) -> list[Model]:
        models: list[Model] = await client.models()
        return models

    try:
        models = session.run(fetch)
    except LlmctlError as error:
        if kept and not refresh and isinstance(error, NetworkError | TimedOut):
            session.streams.warn(f"{error.message}; this list is {kept[1] / 3600:.0f} hours old")
            return kept[0]
        raise
    if not session.target.embedded:
        modelcache.save(session.streams.env, session.target, models)
    return models


def _priced(model: Model, session: Session) -> Model:
    """The user's own prices beat the listed ones."""
    price = session.config.price(session.target.profile, model.id)
    if not price:
        return model
    return replace(
        model,
        input_price=price.get("input", model.input_price),
        output_price=price.get("output", model.output_price),
    )


def _marked(name: str, chosen: str | None, streams: Streams) -> str:
    return f"{name} *" if name == chosen and streams.terminal else name


def _facts(model: Model) -> list[str]:
    prices = [f"{price:g}" if price is not None else "" for price in (model.input_price, model.output_price)]
    return [f"{model.context}" if model.context else "", *prices, model.owned_by or ""]


app = command(ModelsOptions, run, EXAMPLES)
