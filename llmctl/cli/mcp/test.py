"""`llmctl mcp test`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmctl.cli.mcp.row import one_line
from llmctl.cli.options import command
from llmctl.cli.streams import Streams
from llmctl.cli.table import print_table
from llmctl.config.configfile import Config, load_config
from llmctl.config.mcp import McpServer, find_server, server_names
from llmctl.config.paths import config_file
from llmctl.errors import UsageError

if TYPE_CHECKING:
    from llmctl.tools.mcp import Connected

EXAMPLES = """
llmctl mcp test
llmctl mcp test time --verbose
llmctl mcp test time --json | jq -r '.tools[].name'
"""


@dataclass(frozen=True)
class McpTestOptions:
    """Options of `llmctl mcp test`."""

    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The server; may be left out where there is one only.")
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False


def run(options: McpTestOptions, streams: Streams) -> None:
    """Start a server (or reach it) and list its tools. With --verbose what it writes to stderr is shown."""
    import asyncio

    config = load_config(config_file(streams.env))
    server = _chosen(options.name, config)
    connected = asyncio.run(_connect(server, config, streams))
    if connected.cut:
        streams.warn(f"{server.name} has more tools than llmctl lists; these are the first")
    if options.json:
        streams.out_json(_object(connected))
        return
    name = one_line(" ".join(word for word in (connected.title or server.name, connected.version) if word))
    count = len(connected.tools)
    streams.say(
        f"{server.name}: {name} answered in {connected.ms:.0f} ms (MCP {one_line(connected.protocol)}), "
        f"{count} tool{'' if count == 1 else 's'}"
    )
    rows = [[tool.name, _first_line(tool.description)] for tool in connected.tools]
    print_table(streams, ["TOOL", "DESCRIPTION"], rows, set())


def _chosen(name: str | None, config: Config) -> McpServer:
    """The server of that name, or the only one."""
    names = server_names(config)
    if name is None and len(names) != 1:
        known = f"name one of {', '.join(names)}" if names else "add one; see `llmctl help config`"
        raise UsageError(
            f"{config.path} names {len(names) or 'no'} MCP server{'s' * (len(names) > 1)}", hint=known
        )
    return find_server(config, name if name is not None else names[0])


async def _connect(server: McpServer, config: Config, streams: Streams) -> Connected:
    from llmctl.tools.mcp import open_servers

    verbose = streams.settings.verbose
    async with open_servers([server], config.path.parent, streams.env, verbose=verbose) as (connected,):
        return connected


def _object(connected: Connected) -> dict[str, Any]:
    return {
        "name": connected.server.name,
        "server": connected.title,
        "version": connected.version,
        "protocol": connected.protocol,
        "ms": connected.ms,
        "tools": [
            {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
            for tool in connected.tools
        ],
    }


def _first_line(text: str) -> str:
    line = one_line(" ".join(text.strip().split("\n")[0].split()))
    return line if len(line) <= 80 else f"{line[:79]}…"


app = command(McpTestOptions, run, EXAMPLES)
