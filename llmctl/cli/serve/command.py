"""`llmctl serve`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from llmctl.cli.options import command
from llmctl.cli.streams import Streams
from llmctl.errors import UsageError

if TYPE_CHECKING:
    from llmctl.gateway.setup import Setup


@dataclass(frozen=True)
class ServeOptions:
    """Options of `llmctl serve`."""

    host: Annotated[
        str | None, typer.Option("--host", metavar="ADDRESS", help="Address to listen on (127.0.0.1).")
    ] = None
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="N", min=0, max=65535, help="Port (4000); 0 takes any free one."),
    ] = None
    profile: Annotated[
        str | None,
        typer.Option("-p", "--profile", metavar="NAME", help="Where models go that no profile is named for."),
    ] = None
    record: Annotated[
        str | None, typer.Option("--record", metavar="DIR", help="Record requests and answers into a folder.")
    ] = None
    replay: Annotated[
        str | None,
        typer.Option("--replay", metavar="DIR", help="Answer from such a folder, without any provider."),
    ] = None
    unmatched: Annotated[
        str, typer.Option("--unmatched", metavar="error|forward", help="What --replay does without a recording.")
    ] = "error"
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="N", min=1, max=64, help="Processes that share the port (1)."),
    ] = None
    open_page: Annotated[bool, typer.Option("--open", help="Open the dashboard in your browser.")] = False
    unit: Annotated[
        bool,
        typer.Option("--unit", help="Print a systemd unit (on macOS a launchd plist) that runs this, and end."),
    ] = False


def run(options: ServeOptions, streams: Streams) -> None:
    """Serve every profile under one base URL, for any OpenAI program.

    A model is named PROFILE/MODEL, by an alias, by a route, or by a name that just one profile lists.
    The dashboard is at the same address. Settings stand under [serve] and [routes] in the config, which is
    read anew when it changes; see `llmctl help serve`.
    """
    if options.unmatched not in ("error", "forward"):
        raise UsageError("--unmatched takes error or forward")
    if options.record and options.replay:
        raise UsageError("--record and --replay exclude each other")
    if options.unmatched == "forward" and not options.replay:
        raise UsageError("--unmatched forward needs --replay", hint="it says what that does without a recording")
    setup = _setup(options, streams)
    if options.unit:
        from llmctl.cli.serve.unit import unit

        streams.out(unit(options, streams.env).rstrip("\n"))
        return
    from llmctl.gateway.main import serve

    serve(setup, streams.env, options.open_page)


def _setup(options: ServeOptions, streams: Streams) -> Setup:
    from llmctl.cli.history import keeps_history
    from llmctl.config.configfile import load_config
    from llmctl.config.paths import config_file
    from llmctl.gateway.setup import Setup

    path = config_file(streams.env)
    return Setup(
        str(path),
        options.host,
        options.port,
        options.workers,
        options.profile,
        options.record,
        options.replay,
        options.unmatched == "forward",
        keeps_history(load_config(path), streams),
    )


app = command(
    ServeOptions,
    run,
    """
llmctl serve
llmctl serve --port 8080 --profile groq
llmctl serve --replay tests/cassettes
llmctl serve --unit > ~/.config/systemd/user/llmctl.service
""",
)
