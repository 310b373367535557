"""The tables [mcp.NAME]."""

from __future__ import annotations

import pytest

from llmctl.config.configfile import Config
from llmctl.config.mcp import McpServer, find_server, read_server, resolved, server_names, shown_url
from llmctl.errors import ConfigError, KeyMissing


def test_a_server_that_is_started():
    table = {
        "command": "uvx",
        "args": ["mcp-server-time"],
        "env": {"A": "1"},
        "cwd": "here",
        "allow": ["get_*"],
        "timeout": 5,
    }
    assert read_server("time", table) == McpServer(
        "time", "uvx", ("mcp-server-time",), {"A": "1"}, "here", allow=("get_*",), timeout=5.0
    )


def test_a_server_that_is_reached():
    table = {"url": "https://x.example/mcp", "headers": {"Authorization": "Bearer env:T"}, "transport": "sse"}
    assert read_server("x", table) == McpServer(
        "x", url="https://x.example/mcp", headers={"Authorization": "Bearer env:T"}, transport="sse"
    )


@pytest.mark.parametrize(
    ("table", "message", "hint"),
    [
        ("uvx", "mcp.s must be a table", "[mcp.s]"),
        ({}, "either command or url", "uvx"),
        ({"command": "a", "url": "http://a"}, "either command or url", "uvx"),
        ({"comand": "a"}, "unknown key 'comand'", "did you mean command?"),
        ({"command": "a", "headers": {}}, "mcp.s.headers does nothing for a server with command", "remove"),
        ({"url": "http://a", "args": []}, "mcp.s.args does nothing for a server with url", "remove"),
        ({"command": ""}, "mcp.s.command must be a string that is not empty", None),
        ({"command": 3}, "mcp.s.command must be a string", None),
        ({"command": "a\0"}, "mcp.s.command must be a string", None),
        ({"command": "a", "args": "b"}, "mcp.s.args must be a list of strings", None),
        ({"command": "a", "args": [1]}, "mcp.s.args must be a list of strings", None),
        ({"command": "a", "env": {"A": 1}}, "mcp.s.env must be a table of strings", "env:VARIABLE"),
        ({"url": "ftp://a"}, "mcp.s.url must begin with http", None),
        ({"url": "http://"}, "mcp.s.url must begin with http", None),
        ({"url": "http://a", "transport": "ws"}, "mcp.s.transport must be one of http, sse", None),
        ({"command": "a", "timeout": 0}, "mcp.s.timeout must be a number of seconds above 0", None),
        ({"command": "a", "timeout": True}, "mcp.s.timeout must be a number", None),
        ({"command": "a", "allow": "x"}, "mcp.s.allow must be a list", None),
    ],
)
def test_mistakes(table, message, hint):
    with pytest.raises(ConfigError) as failure:
        read_server("s", table)
    assert message in failure.value.message
    assert hint is None or hint in failure.value.hint


def test_names(tmp_path):
    config = Config({"mcp": {"time": {"command": "t"}, "files": {}}}, tmp_path / "c.toml")
    assert server_names(config) == ["time", "files"]
    assert find_server(config, "time").command == "t"
    with pytest.raises(ConfigError, match="'tme'") as failure:
        find_server(config, "tme")
    assert failure.value.hint == "did you mean time?"
    with pytest.raises(ConfigError, match="letters, digits"):
        read_server("a b", {"command": "t"})
    with pytest.raises(ConfigError, match="must be tables"):
        server_names(Config({"mcp": 3}, tmp_path))
    assert server_names(Config({}, tmp_path)) == []


def test_references(tmp_path):
    (tmp_path / "token").write_text("from-file\n")
    values = {
        "A": "env:T",
        "B": "Bearer env:T",
        "C": "cmd:echo c",
        "D": "Token file:token",
        "E": "plain text",
        "F": "",
    }
    assert resolved(values, "mcp.s.headers", tmp_path, {"T": "t"}) == {
        "A": "t",
        "B": "Bearer t",
        "C": "c",
        "D": "Token from-file",
        "E": "plain text",
        "F": "",
    }
    with pytest.raises(KeyMissing, match=r"no value for mcp\.s\.headers\.A: the variable T is not set"):
        resolved({"A": "env:T"}, "mcp.s.headers", tmp_path, {})


def test_addresses_are_shown_without_secrets():
    assert shown_url("https://u:pw@h.example:8/mcp?key=s#f") == "https://h.example:8/mcp"
