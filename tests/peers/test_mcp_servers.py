"""MCP servers from PyPI: mcp-server-time over stdio, database-mcp-sqlite over HTTP; the SDK's own over SSE."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from support import wire
from support.cli import Cli
from support.upstream import Reply, Upstream, free_port

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(find_spec("mcp_server_time") is None, reason="needs mcp-server-time"),
    pytest.mark.skipif(find_spec("database_mcp_sqlite") is None, reason="needs database-mcp-sqlite"),
]
READY_TIMEOUT = 30
SSE = """
import sys
from mcp.server import MCPServer
server = MCPServer("adder")
@server.tool()
def add(a: int, b: int) -> int:
    return a + b
server.run("sse", port=int(sys.argv[1]))
"""


@contextmanager
def serving(command: list[str], url: str) -> Iterator[str]:
    """The address of a server that has begun to answer."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_ready(process, url)
        yield url
    finally:
        process.kill()
        process.wait()


def _wait_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + READY_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"no server came up at {url}; its exit code is {process.poll()}")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    path, port = tmp_path / "towns.db", free_port()
    with sqlite3.connect(path) as connection:
        connection.execute("create table towns (name text, people integer)")
        connection.execute("insert into towns values ('Oslo', 717710)")
    connection.close()
    program = "import sys; from database_mcp_sqlite import main; sys.exit(main())"
    options = ["--dsn", str(path), "--transport", "http", "--port", str(port)]
    with serving([sys.executable, "-c", program, *options], f"http://127.0.0.1:{port}/mcp") as url:
        yield url


@pytest.fixture
def configure(cli: Cli, upstream: Upstream) -> Callable[[str], None]:
    """Write a config with a profile at the scripted upstream, and these tables."""

    def write(tables: str) -> None:
        cli.write_config(
            f'current = "work"\n[profiles.work]\nbase_url = "{upstream.url}/v1"\nmodel = "test-model"\n'
            f'key = "none"\nauth = "none"\n{tables}'
        )

    return write


TIME = f'[mcp.time]\ncommand = {sys.executable!r}\nargs = ["-m", "mcp_server_time"]\n'


def chat(cli: Cli, upstream: Upstream, name: str, arguments: str, *options: str) -> tuple[Any, Any]:
    """Ask a model that calls this tool: (what --json prints, the result that the model was told)."""
    upstream.script(
        Reply.sse(
            wire.chunk(tool_calls=[wire.tool_call(name, arguments, index=0)]), wire.chunk(finish="tool_calls")
        ),
        Reply.sse(*wire.text_stream("Done.")),
    )
    answer = cli.run("chat", *options, "--json", "Hi").check().json()
    assert [entry["function"]["name"] for entry in upstream.requests[0].json()["tools"]]
    return answer, upstream.last.json()["messages"][-1]


def test_stdio(cli: Cli, configure: Any) -> None:
    configure(TIME)
    found = cli.run("mcp", "test", "time", "--json").check().json()
    assert found["server"] == "mcp-time"
    assert [tool["name"] for tool in found["tools"]] == ["get_current_time", "convert_time"]
    assert found["tools"][0]["parameters"]["required"] == ["timezone"]


def test_streamable_http(cli: Cli, configure: Any, database: str) -> None:
    configure(f'[mcp.towns]\nurl = "{database}"\n')
    result = cli.run("mcp", "test").check()
    assert [line.split("\t")[0] for line in result.out.splitlines()] == ["execute_sql", "search_objects"]
    assert "database-mcp-sqlite" in result.err


def test_sse(cli: Cli, configure: Any) -> None:
    port = free_port()
    with serving([sys.executable, "-c", SSE, str(port)], f"http://127.0.0.1:{port}/sse") as url:
        configure(f'[mcp.adder]\nurl = "{url}"\ntransport = "sse"\n')
        assert cli.run("mcp", "test").check().out.split("\t")[0] == "add"


def test_a_chat_uses_a_server_over_stdio(cli: Cli, configure: Any, upstream: Upstream) -> None:
    configure(TIME + 'allow = ["convert_*"]\n')
    arguments = '{"source_timezone": "Asia/Tokyo", "time": "12:00", "target_timezone": "Asia/Kolkata"}'
    answer, told = chat(cli, upstream, "convert_time", arguments, "--mcp", "time")
    assert '"time_difference": "-3.5h"' in told["content"]
    (run,) = answer["tool_runs"]
    assert (run["name"], run["error"], run["approved"], run["result"]) == (
        "convert_time",
        False,
        True,
        told["content"],
    )
    assert (answer["content"], answer["rounds"]) == ("Done.", 2)


def test_a_chat_uses_a_server_over_http(cli: Cli, configure: Any, upstream: Upstream, database: str) -> None:
    configure(f'{TIME}[mcp.towns]\nurl = "{database}"\n')
    query = '{"sql": "select people from towns where name = \'Oslo\'"}'
    answer, told = chat(cli, upstream, "execute_sql", query, "--mcp", "all", "--yes-tools")
    assert '"people":717710' in told["content"]
    assert answer["tool_runs"][0]["arguments"] == {"sql": "select people from towns where name = 'Oslo'"}
    names = [entry["function"]["name"] for entry in upstream.requests[0].json()["tools"]]
    assert names == ["get_current_time", "convert_time", "execute_sql", "search_objects"]


def test_an_error_of_a_server_goes_to_the_model(cli: Cli, configure: Any, upstream: Upstream) -> None:
    configure(TIME)
    zone = '{"timezone": "Nowhere/At_All"}'
    answer, told = chat(cli, upstream, "get_current_time", zone, "--mcp", "time", "--allow-tool", "get_*")
    assert told["content"].startswith("Error: ")
    assert "Invalid timezone" in told["content"]
    assert answer["tool_runs"][0]["error"] is True
