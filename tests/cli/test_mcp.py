"""`llmctl mcp list` and `llmctl mcp test`. Servers that work are in tests/peers/test_mcp_servers.py."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from llmctl.config.mcp import KEYS
from support.leaks import HEADER_SECRET, SECOND_KEY
from support.process import wait_ended
from support.upstream import Reply, Upstream, refused_url

SERVERS = f"""
[mcp.time]
command = "uvx"
args = ["mcp-server-time", "--local-timezone", "Etc/UTC"]
env = {{ TOKEN = "{SECOND_KEY}" }}
allow = ["get_*", "convert"]

[mcp.tickets]
url = "https://user:{HEADER_SECRET}@tickets.example.com/mcp?key={HEADER_SECRET}"
headers = {{ X-Token = "{HEADER_SECRET}" }}
"""


def stdio(program: str, more: str = "") -> str:
    """The config of a server "s" that is this Python program."""
    return f'[mcp.s]\ncommand = {sys.executable!r}\nargs = ["-c", {program!r}]\n{more}\n'


def test_list(cli):
    cli.write_config(SERVERS)
    assert cli.run("mcp", "list").check().out.splitlines() == [
        "time\tstdio\tuvx mcp-server-time --local-timezone Etc/UTC\tget_* convert",
        "tickets\thttp\thttps://tickets.example.com/mcp\t",
    ]
    time, tickets = cli.run("mcp", "list", "--json").check().json()
    assert time == {
        "name": "time",
        "transport": "stdio",
        "command": "uvx",
        "args": ["mcp-server-time", "--local-timezone", "Etc/UTC"],
        "env": ["TOKEN"],
        "cwd": None,
        "url": None,
        "headers": [],
        "allow": ["get_*", "convert"],
        "timeout": 60.0,
    }
    assert (tickets["url"], tickets["headers"]) == ("https://tickets.example.com/mcp", ["X-Token"])


def test_list_shows_no_secrets_of_arguments_and_keeps_rows(cli):
    args = [
        "--header", f"Authorization: Bearer {SECOND_KEY}", f"--api-key={SECOND_KEY}", "--token", SECOND_KEY,
        f"https://h.example/?k={SECOND_KEY}", "two\nlines",
    ]  # fmt: skip
    cli.write_config(f'[mcp.s]\ncommand = "c"\nargs = {json.dumps(args)}\n')
    for more in ([], ["--json"]):
        assert SECOND_KEY not in cli.run("mcp", "list", *more).check().out
    assert cli.run("mcp", "list", "--json").check().json()[0]["args"] == [
        "--header", "Authorization: ***", "--api-key=***", "--token", "***",
        "https://h.example/?k=***", "two\nlines",
    ]  # fmt: skip
    assert len(cli.run("mcp", "list").check().out.splitlines()) == 1


def test_no_servers(cli):
    assert cli.run("mcp", "list").check().out == ""
    assert cli.run("mcp", "list", "--json").check().json() == []
    result = cli.run("mcp", "test").check(2)
    assert "names no MCP server" in result.err
    terminal = cli.terminal("mcp", "list")
    terminal.wait_for("llmctl help config")
    assert terminal.wait() == 0


def test_which_server_is_tested(cli):
    cli.write_config(SERVERS)
    assert "name one of time, tickets" in cli.run("mcp", "test").check(2).err
    assert "did you mean tickets" in cli.run("mcp", "test", "ticket").check(3).err
    cli.write_config('[mcp.s]\ncomand = "x"\n')
    assert "unknown key 'comand'" in cli.run("mcp", "test", "s").check(3).err
    assert "unknown key 'comand'" in cli.run("mcp", "list").check(3).err


@pytest.mark.parametrize(
    ("config", "code", "expected"),
    [
        ('[mcp.s]\ncommand = "nosuchprogram"\n', 3, "can't run 'nosuchprogram': No such file or directory"),
        ('[mcp.s]\ncommand = "sh"\ncwd = "nowhere"\n', 3, "mcp.s.cwd: there is no folder"),
        (
            '[mcp.s]\ncommand = "sh"\nenv = { A = "env:NOT_SET" }\n',
            4,
            "no value for mcp.s.env.A: the variable NOT_SET",
        ),
        (
            stdio("import sys; sys.exit('no luck')"),
            13,
            "MCP server s ended, or closed its output; it said: no luck",
        ),
        (stdio("1 / 0"), 13, "it said: ZeroDivisionError: division by zero"),
        (stdio("input()", "timeout = 0.5"), 13, "MCP server s ended"),
        (
            stdio("import sys, time; print('hm', file=sys.stderr, flush=True); sys.stdin.read()", "timeout = 1"),
            13,
            "MCP server s did not answer in 1 s; it said: hm",
        ),
        (stdio("print('garbage', flush=True); input(); input()", "timeout = 1"), 13, "MCP server s"),
    ],
)
def test_servers_that_do_not_serve(cli, config, code, expected):
    cli.write_config(config)
    result = cli.run("mcp", "test", "s").check(code)
    assert expected in result.err
    assert result.err.count("\n") <= 2  # the error and the hint: nothing of the server's own, no traceback
    assert result.out == ""


def test_with_verbose_the_server_is_heard(cli):
    cli.write_config(stdio("import sys; print('one', file=sys.stderr); sys.exit('two')"))
    assert cli.run("mcp", "test", "s", "--verbose").check(13).err.startswith("one\ntwo\nerror: ")


def test_literal_values_of_env_are_not_told(cli):
    program = (
        "import os, sys; print(chr(27) + '[2J' + os.environ['A'], file=sys.stderr); sys.exit(os.environ['A'])"
    )
    cli.write_config(stdio(program, f'env = {{ A = "{HEADER_SECRET}" }}'))
    assert "it said: ***\n" in cli.run("mcp", "test", "s").check(13).err
    assert cli.run("mcp", "test", "s", "--verbose").check(13).err.startswith("[2J***\n***\nerror: ")


def test_what_a_server_tells_stays_on_its_line(cli):
    program = (
        "from support import mcp_server as m; answer = m.answer; m.NAMES[:] = ['texts']\n"
        "def told(name, method, params):\n"
        "    result = answer('by\\nhand\\x1b[2J', method, params)\n"
        "    [tool.update(description='a\\x1b[2J\\tb\\x0bc') for tool in result.get('tools', ())]\n"
        "    return result\n"
        "m.answer = told; m.main()"
    )
    cli.write_config(stdio(program, f"env = {{ PYTHONPATH = {str(Path(__file__).parents[1])!r} }}"))
    result = cli.run("mcp", "test", "s").check()
    assert result.out == "texts\ta[2J b c\n"
    assert "s: by hand[2J 1.5 answered" in result.err


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_signals_end_the_server_too(cli, name):
    program = "import os, sys; open('pid', 'w').write(str(os.getpid())); os.rename('pid', 'ready'); import time\n"
    cli.write_config(stdio(program + "time.sleep(1000)"))
    process = cli.popen("mcp", "test", "s")
    wait_exists(cli.cwd / "ready")
    process.send_signal(getattr(signal, name))
    assert process.wait(20) == -getattr(signal, name)
    wait_ended(int((cli.cwd / "ready").read_text()))


def wait_exists(path):
    """Wait for a file that a process makes."""
    end = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < end, f"{path} was not made"


def test_a_server_that_does_not_answer_is_ended(cli):
    program = "import os, sys; open('pid', 'w').write(str(os.getpid())); sys.stdin.read()"
    cli.write_config(stdio(program, "timeout = 2"))
    cli.run("mcp", "test", "s").check(13)
    wait_ended(int((cli.cwd / "pid").read_text()))


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_ends_the_server_too(cli):
    program = "import os, sys; open('pid', 'w').write(str(os.getpid())); sys.stdin.read()"
    cli.write_config(stdio(program))
    terminal = cli.terminal("mcp", "test", "s")
    terminal.wait_until((cli.cwd / "pid").exists, "start the server")
    terminal.send_key("ctrl-c")
    assert terminal.wait() == 130
    wait_ended(int((cli.cwd / "pid").read_text()))


def test_addresses_where_no_server_is(cli, upstream: Upstream):
    cli.write_config(f'[mcp.s]\nurl = "{refused_url()}/mcp"\n')
    result = cli.run("mcp", "test", "s", "--json").check(13)
    assert (result.error()["code"], "check url" in result.error()["hint"]) == ("tool_server", True)
    cli.write_config(f'[mcp.s]\nurl = "{upstream.url}/mcp"\nheaders = {{ Authorization = "Bearer env:T" }}\n')
    upstream.default = Reply(401, body={"error": f"who is {HEADER_SECRET}?"})
    result = cli.run("mcp", "test", "s", env={"T": HEADER_SECRET}).check(13)
    assert f"MCP server s at {upstream.url}/mcp: " in result.err
    assert HEADER_SECRET not in result.err
    assert upstream.requests[0].headers["authorization"] == f"Bearer {HEADER_SECRET}"


def test_without_the_package(cli, tmp_path):
    """A module that can't be imported stands for one that is not installed."""
    (tmp_path / "mcp.py").write_text("raise ImportError('not installed')\n")
    cli.write_config('[mcp.s]\ncommand = "sh"\n')
    result = cli.run("mcp", "test", "s", env={"PYTHONPATH": str(tmp_path)}).check(3)
    assert "MCP needs the mcp package" in result.err
    assert "pip install 'llmctl[mcp]'" in result.err


@pytest.mark.parametrize("key", KEYS)
def test_every_setting_of_a_server_is_documented(cli, key):
    section = cli.run("help", "config").check().out.split("Settings of an MCP server")[1].split("\n\n")[0]
    assert re.search(rf"^  {key} +\S", section, re.MULTILINE)


@pytest.mark.parametrize("line", ["mcp list", "mcp test"])
def test_help(cli, line):
    assert f"llmctl {line}" in cli.run(*line.split(), "--help").check().out.split("Examples:")[1]
