"""`llmctl mcp list`."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from llmctl.cli.config.hidden import hidden_arguments
from llmctl.cli.mcp.row import one_line
from llmctl.cli.options import command
from llmctl.cli.streams import Streams
from llmctl.cli.table import print_table
from llmctl.config.configfile import load_config
from llmctl.config.mcp import McpServer, find_server, server_names, shown_url
from llmctl.config.paths import config_file
from llmctl.core.redact import HIDDEN

EXAMPLES = """
llmctl mcp list
llmctl mcp list --json | jq -r '.[].name'
"""


@dataclass(frozen=True)
class McpListOptions:
    """Options of `llmctl mcp list`."""

    json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False


def run(options: McpListOptions, streams: Streams) -> None:
    """List the MCP servers of the config. None is started; values of env and headers are not shown."""
    config = load_config(config_file(streams.env))
    servers = [find_server(config, name) for name in server_names(config)]
    if options.json:
        streams.out_json([server_object(server) for server in servers])
        return
    if not servers and streams.terminal:
        streams.note(f"{config.path} names no MCP server; see `llmctl help config` for how to add one")
        return
    rows = [[server.name, transport(server), where(server), " ".join(server.allow)] for server in servers]
    rows = [[one_line(cell) for cell in row] for row in rows]
    print_table(streams, ["NAME", "TRANSPORT", "SERVER", "RUNS UNASKED"], rows, set())


def server_object(server: McpServer) -> dict[str, Any]:
    """What is known of a server without its secrets: env and headers by name only, keys in args as ***."""
    return {
        "name": server.name,
        "transport": transport(server),
        "command": server.command,
        "args": hidden_arguments(server.args),
        "env": list(server.env),
        "cwd": server.cwd,
        "url": shown_url(server.url) if server.url else None,
        "headers": list(server.headers),
        "allow": list(server.allow),
        "timeout": server.timeout,
    }


def transport(server: McpServer) -> str:
    """stdio, http or sse."""
    return "stdio" if server.command else server.transport


def where(server: McpServer) -> str:
    """The command line or the address, without secrets."""
    if server.url:
        return shown_url(server.url)
    words = [server.command or "", *hidden_arguments(server.args)]
    return " ".join(word if word == HIDDEN else shlex.quote(word) for word in words)


app = command(McpListOptions, run, EXAMPLES)
