"""MCP servers: started or reached, their tools listed and called, through the official SDK."""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from llmctl import __version__
from llmctl.config.mcp import McpServer, resolved
from llmctl.core.redact import redact
from llmctl.errors import ConfigError, LlmctlError, ToolServerFailed
from llmctl.signals import tidy_end
from llmctl.tools.mcp_text import Peer, failure, first_cause, function_name, heard, result_text
from llmctl.tools.tool import Tool, ToolFailed

if TYPE_CHECKING:
    import mcp

_PAGES = 100
"""A list of tools with more pages than that never ends."""


@dataclass(frozen=True)
class Connected:
    """A server that answers: what it says about itself, its tools, and how long it took to come to that."""

    server: McpServer
    tools: tuple[Tool, ...]
    title: str | None
    version: str | None
    protocol: str
    ms: float
    cut: bool = False
    """Whether the server has more tools than llmctl lists."""


@asynccontextmanager
async def open_servers(
    servers: Sequence[McpServer],
    folder: Path,
    env: Mapping[str, str],
    *,
    taken: Collection[str] = (),
    verbose: bool = False,
) -> AsyncIterator[list[Connected]]:
    """Connect to each server, and end all of them when the block ends, however it ends.

    Paths are relative to `folder`. A tool keeps its name unless another (or one in `taken`) has it too: then
    the server's name goes before it. Raises ConfigError, KeyMissing, ToolServerFailed. What servers write to
    stderr is dropped (its last line is told when one does not start), with `verbose` it is shown.
    """
    _check_package()
    stack = AsyncExitStack()
    peers: list[Peer] = []
    with tidy_end(_canceller()):
        try:
            peers += [Peer(server, stack.enter_context(tempfile.TemporaryFile())) for server in servers]  # noqa: SIM115
            yield _named_apart([await _connect(stack, peer, folder, env, verbose) for peer in peers], taken)
        except BaseException as error:
            broken = await _close(stack)
            # The SDK cancels us when a connection breaks in a way that it didn't foresee.
            if broken and type(error).__name__ == "CancelledError":
                said = redact(str(first_cause(broken)), [secret for peer in peers for secret in peer.secrets])
                raise ToolServerFailed(f"the connection to an MCP server broke: {said}") from broken
            raise
        else:
            await _close(stack)


def _canceller() -> Callable[[], bool]:
    """What cancels this task, called from a signal's handler; false while its loop rests, as at a prompt."""
    import asyncio

    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def cancel() -> bool:
        if loop.is_running():
            loop.call_soon_threadsafe(task.cancel)
        return loop.is_running()

    return cancel


def _check_package() -> None:
    import logging

    try:
        import mcp  # noqa: F401
    except ImportError as error:
        raise ConfigError("MCP needs the mcp package", hint="pip install 'llmctl[mcp]'") from error
    # Without a handler its log would go to the terminal, tracebacks and all.
    logging.getLogger("mcp").addHandler(logging.NullHandler())
    logging.getLogger("client").addHandler(logging.NullHandler())


async def _close(stack: AsyncExitStack) -> Exception | None:
    """End the servers. What goes wrong in that is no failure of what was asked for, and only returned."""
    try:
        await stack.aclose()
    except Exception as error:  # noqa: BLE001 - the SDK may raise anything here
        return error
    return None


async def _connect(
    stack: AsyncExitStack, peer: Peer, folder: Path, env: Mapping[str, str], verbose: bool
) -> Connected:
    import asyncio

    import mcp
    from mcp.types import Implementation

    server, started = peer.server, time.monotonic()
    try:
        async with asyncio.timeout(server.timeout):
            transport = await _transport(stack, peer, folder, env, verbose)
            client = mcp.Client(
                transport,
                read_timeout_seconds=server.timeout,
                client_info=Implementation(name="llmctl", version=__version__),
            )
            await stack.enter_async_context(client)
            listed, cut = await _list(client)
    except LlmctlError:
        raise
    except Exception as error:
        raise failure(peer, error) from error
    about = client.server_info
    return Connected(
        server,
        tuple(_tool(client, peer, tool) for tool in listed),
        about.name if about else None,
        about.version if about else None,
        str(client.protocol_version),
        round((time.monotonic() - started) * 1000, 1),
        cut,
    )


async def _transport(
    stack: AsyncExitStack, peer: Peer, folder: Path, env: Mapping[str, str], verbose: bool
) -> Any:
    """How to reach the server, in the SDK's words."""
    server = peer.server
    where = f"mcp.{server.name}"
    if server.command:
        from mcp.client.stdio import StdioServerParameters, stdio_client

        cwd = folder / server.cwd if server.cwd else None
        if cwd and not cwd.is_dir():
            raise ConfigError(f"{where}.cwd: there is no folder {cwd}")
        values = resolved(server.env, f"{where}.env", folder, env)
        peer.keep_secret(server.env, values)
        parameters = StdioServerParameters(command=server.command, args=list(server.args), env=values, cwd=cwd)
        errors: Any = stack.enter_context(heard(peer)) if verbose else peer.log
        return stdio_client(parameters, errlog=errors)
    from mcp.client.sse import sse_client
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client

    headers = resolved(server.headers, f"{where}.headers", folder, env)
    parts = urlsplit(server.url or "")
    peer.keep_secret(server.headers, headers)
    peer.secrets += [*(value for _, value in parse_qsl(parts.query)), parts.password or ""]
    if server.transport == "sse":
        return sse_client(server.url or "", headers=headers, timeout=server.timeout)
    http = await stack.enter_async_context(create_mcp_http_client(headers=headers))
    return streamable_http_client(server.url or "", http_client=http)


async def _list(client: mcp.Client) -> tuple[list[Any], bool]:
    """(the server's tools of all pages, each name once; whether there are more)."""
    tools: dict[str, Any] = {}
    cursor = None
    for _ in range(_PAGES):
        page = await client.list_tools(cursor=cursor)
        for tool in page.tools:
            tools.setdefault(tool.name, tool)
        cursor = page.next_cursor
        if not cursor:
            break
    return list(tools.values()), bool(cursor)


def _tool(client: mcp.Client, peer: Peer, listed: Any) -> Tool:
    server = peer.server

    async def call(arguments: dict[str, Any]) -> str:
        try:
            result = await client.call_tool(listed.name, arguments, read_timeout_seconds=server.timeout)
        except Exception as error:
            raise ToolFailed(failure(peer, error, heard=False).message) from error
        text = result_text(result.content, result.structured_content)
        if result.is_error:
            raise ToolFailed(redact(text, peer.secrets) or "the tool failed, and did not say why")
        return text

    return Tool(
        function_name(listed.name),
        listed.description or listed.title or "",
        {"type": "object", **listed.input_schema},
        f"mcp:{server.name}",
        call,
        needs_loop=True,
        allowed=any(fnmatchcase(listed.name, pattern) for pattern in server.allow),
    )


def _named_apart(connected: Sequence[Connected], taken: Collection[str]) -> list[Connected]:
    """The servers, with their names before those tools of which there are several."""
    names = [tool.name for each in connected for tool in each.tools]
    used = set(taken)
    result = []
    for each in connected:
        tools = []
        for tool in each.tools:
            name = tool.name
            if name in taken or names.count(name) > 1:
                name = function_name(f"{each.server.name}__{name}")
            name = next(free for free in (name, *(f"{name[:60]}_{n}" for n in range(2, 1000))) if free not in used)
            used.add(name)
            tools.append(replace(tool, name=name))
        result.append(replace(each, tools=tuple(tools)))
    return result
