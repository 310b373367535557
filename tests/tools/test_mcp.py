"""MCP servers through the SDK: lists, results, names, and what goes wrong. By hand: support/mcp_server.py."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from llmctl.config.mcp import McpServer, read_server
from llmctl.errors import LlmctlError, RequestRefused
from llmctl.tools.mcp import Connected, open_servers
from llmctl.tools.mcp_text import function_name
from llmctl.tools.tool import NAME, Tool, ToolFailed
from support.leaks import HEADER_SECRET
from support.mcp_server import NAMES, PICTURE
from support.process import wait_ended

SUPPORT = str(Path(__file__).parents[1])


def by_hand(name: str = "hand", **more: Any) -> McpServer:
    env = {"PYTHONPATH": SUPPORT, **more.pop("env", {})}
    return read_server(
        name, {"command": sys.executable, "args": ["-m", "support.mcp_server"], "env": env, "timeout": 20, **more}
    )


@pytest.fixture
def use(tmp_path: Path) -> Callable[..., Any]:
    """use(call, *servers): what `call(connected)` returns while the servers run."""

    def run(call: Callable[[list[Connected]], Awaitable[Any]], *servers: McpServer, **more: Any) -> Any:
        async def go() -> Any:
            async with open_servers(servers or [by_hand()], tmp_path, os.environ, **more) as connected:
                return await call(connected)

        return asyncio.run(go())

    return run


def tools_of(connected: list[Connected]) -> dict[str, Tool]:
    return {tool.name: tool for each in connected for tool in each.tools}


async def told(tool: Tool) -> str:
    try:
        return await tool.call({})
    except ToolFailed as error:
        return f"failed: {error}"


def test_all_pages_of_tools_are_listed(use: Any) -> None:
    async def look(connected: list[Connected]) -> None:
        (server,) = connected
        assert (server.title, server.version, server.protocol) == ("by hand", "1.5", "2025-06-18")
        assert [tool.name for tool in server.tools] == [function_name(name) for name in NAMES]
        first = server.tools[0]
        assert (first.description, first.source, first.needs_loop, first.allowed) == (
            "Does texts.",
            "mcp:hand",
            True,
            False,
        )
        assert first.parameters == {"type": "object", "properties": {"n": {"type": "integer"}}}

    use(look)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("texts", "one\ntwo"),
        ("picture", "[image, image/png, 5 bytes]"),
        ("sound", "[audio, audio/wav, 5 bytes]"),
        ("document", "[resource file:///a]\ninside"),
        ("blob", "[resource file:///b, application/pdf, 5 bytes]"),
        ("link", "[resource c.txt: file:///c]"),
        ("numbers", '{"sum": 3}'),
        ("odd_name_", "one"),
        ("broken", "failed: no such city"),
    ],
)
def test_results(use: Any, name: str, expected: str) -> None:
    assert PICTURE
    assert use(lambda connected: told(tools_of(connected)[name])) == expected


def test_failures_of_calls_are_told(use: Any) -> None:
    async def look(connected: list[Connected]) -> list[str]:
        tools = tools_of(connected)
        return [await told(tools[name]) for name in ("refuse", "nonsense", "texts", "die", "texts")]

    secret = {"TOKEN": f"cmd:echo {HEADER_SECRET}"}
    refused, nonsense, fine, died, after = use(look, by_hand(env=secret))
    assert refused == "failed: MCP server hand: refused: ***"
    assert nonsense.startswith("failed: MCP server hand: ")
    assert fine == "one\ntwo"
    assert died == "failed: MCP server hand ended, or closed its output"  # its stderr is not for the model
    assert after == died


def test_a_call_that_hangs(use: Any) -> None:
    result = use(lambda connected: told(tools_of(connected)["hang"]), by_hand(timeout=3))
    assert result == "failed: MCP server hand did not answer in 3 s"


def test_tools_of_one_name_are_told_apart(use: Any) -> None:
    async def names(connected: list[Connected]) -> list[str]:
        return list(tools_of(connected))

    assert use(names, taken=["texts"])[:2] == ["hand__texts", "picture"]
    both = use(names, by_hand("a"), by_hand("b"))
    assert both == [f"{server}__{function_name(name)}" for server in "ab" for name in NAMES]
    assert use(names, by_hand("a"), taken=["picture", "a__picture"])[1] == "a__picture_2"


def test_a_server_that_lists_a_tool_twice_keeps_its_plain_name(use: Any) -> None:
    async def names(connected: list[Connected]) -> list[str]:
        return [tool.name for tool in connected[0].tools]

    program = "from support import mcp_server as m; m.NAMES[:] = ['texts', 'die', 'texts']; m.main()"
    assert use(names, by_hand(args=["-c", program])) == ["texts", "die"]


def test_a_list_without_end_is_cut(use: Any, monkeypatch: Any) -> None:
    async def cut(connected: list[Connected]) -> tuple[bool, int]:
        return connected[0].cut, len(connected[0].tools)

    assert use(cut) == (False, len(NAMES))
    monkeypatch.setattr("llmctl.tools.mcp._PAGES", 2)
    assert use(cut) == (True, 4)


def test_literal_values_of_env_are_not_told_to_the_model(use: Any) -> None:
    result = use(lambda connected: told(tools_of(connected)["refuse"]), by_hand(env={"TOKEN": HEADER_SECRET}))
    assert result == "failed: MCP server hand: refused: ***"


def test_tools_that_the_config_allows(use: Any) -> None:
    async def allowed(connected: list[Connected]) -> list[str]:
        return [name for name, tool in tools_of(connected).items() if tool.allowed]

    assert use(allowed, by_hand(allow=["p*", "odd name!"])) == ["picture", "odd_name_"]


@pytest.mark.parametrize("name", ["a b", "é", "x" * 80, "", "a.b/c"])
def test_function_names(name: str) -> None:
    assert NAME.match(function_name(name))


def test_an_error_in_the_block_comes_out_as_it_is_and_ends_the_servers(use: Any, tmp_path: Path) -> None:
    async def fail(connected: list[Connected]) -> None:
        raise RequestRefused("no")

    program = "import os; open('pid', 'w').write(str(os.getpid())); from support.mcp_server import main; main()"
    server = by_hand(args=["-c", program], cwd=str(tmp_path))
    with pytest.raises(LlmctlError) as failure:
        use(fail, server)
    assert type(failure.value) is RequestRefused
    wait_ended(int((tmp_path / "pid").read_text()))


def test_the_first_servers_are_ended_when_a_later_one_fails(use: Any, tmp_path: Path) -> None:
    program = "import os; open('pid', 'w').write(str(os.getpid())); from support.mcp_server import main; main()"
    first = by_hand(args=["-c", program], cwd=str(tmp_path))
    with pytest.raises(LlmctlError, match="MCP server bad"):
        use(told, first, read_server("bad", {"command": sys.executable, "args": ["-c", "1/0"]}))
    wait_ended(int((tmp_path / "pid").read_text()))


def test_servers_get_no_more_of_the_environment_than_the_sdk_gives(use: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("TOKEN", "ours")
    assert (
        use(lambda connected: told(tools_of(connected)["refuse"])) == "failed: MCP server hand: refused: no token"
    )
