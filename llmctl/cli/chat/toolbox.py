"""The tools of `llmctl chat`: from its options to tools that run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from llmctl.cli.chat.approval import Approval
from llmctl.cli.streams import Streams
from llmctl.errors import UsageError

if TYPE_CHECKING:
    from llmctl.config.configfile import Config
    from llmctl.config.mcp import McpServer
    from llmctl.tools.tool import Tool


@dataclass(frozen=True)
class ToolOptions:
    """Tools that the model may call, and who lets them run."""

    heading: ClassVar[str] = "Tools"

    tool: Annotated[
        list[str] | None,
        typer.Option("--tool", metavar="FILE.py", help="The functions of a Python file as tools; repeatable."),
    ] = None
    tool_command: Annotated[
        list[str] | None,
        typer.Option(
            "--tool-command", metavar="'NAME: COMMAND'", help="A shell command with {placeholders} as a tool."
        ),
    ] = None
    mcp: Annotated[
        list[str] | None,
        typer.Option("--mcp", metavar="NAME", help="The tools of an MCP server of the config, or of 'all'."),
    ] = None
    yes_tools: Annotated[bool, typer.Option("--yes-tools", help="Run every tool without asking.")] = False
    allow_tool: Annotated[
        list[str] | None,
        typer.Option("--allow-tool", metavar="NAME", help="Run this tool without asking; may hold * and ?."),
    ] = None
    max_rounds: Annotated[
        int | None,
        typer.Option("--max-rounds", metavar="N", min=1, help="Most requests while tools are called [10]."),
    ] = None

    @property
    def wants_tools(self) -> bool:
        """Whether any tool shall run."""
        return bool(self.tool or self.tool_command or self.mcp)

    @property
    def rounds(self) -> int:
        return self.max_rounds or 10


@dataclass
class Toolbox:
    """The tools at hand, and the gate that each call goes through. `opened` adds those of MCP servers."""

    streams: Streams
    gate: Approval
    local: Sequence[Tool] = ()
    servers: Sequence[McpServer] = ()
    folder: Path = field(default_factory=Path)

    @property
    def needs_loop(self) -> bool:
        """Whether an event loop is needed to run them."""
        return bool(self.servers) or any(tool.needs_loop for tool in self.local)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[list[Tool]]:
        """All tools, for as long as the block lasts."""
        if not self.servers:
            yield list(self.local)
            return
        from llmctl.tools.mcp import open_servers

        taken, verbose = [tool.name for tool in self.local], self.streams.settings.verbose
        async with open_servers(
            self.servers, self.folder, self.streams.env, taken=taken, verbose=verbose
        ) as connected:
            yield [*self.local, *(tool for each in connected for tool in each.tools)]


def open_toolbox(options: ToolOptions, config: Config, streams: Streams) -> Toolbox:
    """Load what the options name. Raises UsageError and ConfigError; no server is started yet."""
    gate = Approval(streams, options.yes_tools, options.allow_tool or ())
    if not options.wants_tools:
        _check_unused(options)
        return Toolbox(streams, gate)
    local = _local_tools(options)
    return Toolbox(streams, gate, local, _servers(options.mcp or [], config), config.path.parent)


def _local_tools(options: ToolOptions) -> list[Tool]:
    """Those of files and commands. Raises UsageError for two of one name."""
    tools: list[Tool] = []
    if options.tool:
        from llmctl.tools.python_file import load_tools

        tools += [tool for file in options.tool for tool in load_tools(file)]
    if options.tool_command:
        from llmctl.tools.command import parse_tool_command

        tools += [parse_tool_command(text) for text in options.tool_command]
    seen: dict[str, str] = {}
    for tool in tools:
        if tool.name in seen:
            raise UsageError(
                f"two tools are called {tool.name}: of {seen[tool.name]} and of {tool.source}",
                hint="give one of them another name",
            )
        seen[tool.name] = tool.source
    return tools


def _servers(names: Sequence[str], config: Config) -> list[McpServer]:
    """The servers of these names, each once; all of the config for "all"."""
    if not names:
        return []
    from llmctl.config.mcp import find_server, server_names

    if "all" in names and "all" not in server_names(config):
        names = server_names(config)
        if not names:
            raise UsageError(f"{config.path} names no MCP server", hint="add one; see `llmctl help config`")
    return [find_server(config, name) for name in dict.fromkeys(names)]


def _check_unused(options: ToolOptions) -> None:
    """Options about tools that are not there are a mistake."""
    unused = {
        "--yes-tools": options.yes_tools,
        "--allow-tool": options.allow_tool,
        "--max-rounds": options.max_rounds,
    }
    flag = next((flag for flag, given in unused.items() if given), None)
    if flag:
        raise UsageError(
            f"{flag} does nothing without a tool", hint="name one with --tool, --tool-command or --mcp"
        )
