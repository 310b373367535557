"""`llmctl top`: the gateway's dashboard in the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.options import command
from llmctl.cli.streams import Streams
from llmctl.errors import UsageError

EXAMPLES = """
llmctl top
llmctl top --url https://llm.example.com --key env:GATEWAY_KEY
llmctl top --once
llmctl top --json | jq .summary
"""


@dataclass(frozen=True)
class TopOptions:
    """Options of `llmctl top`."""

    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="Address of the gateway [as [serve] of the config says]."),
    ] = None
    key: Annotated[
        str | None,
        typer.Option(
            "--key", metavar="REF", help="Where its key is, if it asks for one: env:NAME, cmd:COMMAND, file:PATH."
        ),
    ] = None
    once: Annotated[bool, typer.Option("--once", help="Print one table and end.")] = False
    json: Annotated[bool, typer.Option("--json", help="Print everything as a JSON object and end.")] = False


def run(options: TopOptions, streams: Streams) -> None:
    """Watch the gateway: requests in flight, the last ones with each attempt, health and costs.

    Up and Down choose a request in flight, c cancels it, q ends. Into a pipe it prints what --once
    does, as lines of tab-separated fields: running, recent or target, and what belongs to it.
    """
    if options.once and options.json:
        raise UsageError("--once and --json exclude each other")
    from llmctl.cli.top.gateway import find_gateway

    gateway = find_gateway(options.url, options.key, streams.env)
    snapshot = gateway.snapshot()
    if options.json:
        from llmctl.cli.logs.words import out_json

        out_json(streams, snapshot)
    elif options.once or not (streams.terminal and streams.input_terminal):
        from llmctl.cli.top.plain import print_plain

        print_plain(snapshot, gateway.url, streams)
    else:
        from llmctl.cli.top.app import TopApp

        TopApp(gateway, snapshot, streams).run()


app = command(TopOptions, run, EXAMPLES)
