"""The tables [mcp.NAME]: MCP servers, started as programs or reached by address."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from llmctl.config.configfile import Config
from llmctl.config.keys import resolve_key
from llmctl.core.suggest import did_you_mean
from llmctl.errors import ConfigError, KeyMissing

TRANSPORTS = ("http", "sse")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,30}\Z")
_REFERENCE = re.compile(r"(?P<before>(?:[A-Za-z]+ )?)(?P<reference>(?:env|cmd|file):.+)\Z", re.DOTALL)


@dataclass(frozen=True)
class McpServer:
    """A table [mcp.NAME]: either `command` (with args, env, cwd) or `url` (with headers, transport).

    Values of `env` and `headers` are as written: `resolved` puts in what their references stand for.
    """

    name: str
    command: str | None = None
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    transport: str = "http"
    allow: tuple[str, ...] = ()
    timeout: float = 60.0


KEYS = tuple(f.name for f in fields(McpServer) if f.name != "name")
"""Every key that a server's table may have."""
_OF_COMMANDS, _OF_ADDRESSES = ("args", "env", "cwd"), ("headers", "transport")


def server_names(config: Config) -> list[str]:
    """The names of the servers in the config, in its order. Raises ConfigError."""
    return list(_tables(config))


def find_server(config: Config, name: str) -> McpServer:
    """The checked server of that name. Raises ConfigError with the nearest names."""
    tables = _tables(config)
    if name not in tables:
        raise ConfigError(
            f"there is no MCP server {name!r} in {config.path}",
            hint=did_you_mean(name, tables) or f"add a table [mcp.{name}]; see `llmctl help config`",
        )
    return read_server(name, tables[name])


def read_server(name: str, table: Any) -> McpServer:
    """Check a table. Raises ConfigError that names the server, the key and what it should be."""
    where = f"mcp.{name}"
    if not _NAME.match(name):
        raise ConfigError(f"{where}: a server's name has letters, digits, _ and - only, 30 at the most")
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where} must be a table", hint=f"write it as [mcp.{name}]")
    for key in table:
        if key not in KEYS:
            raise ConfigError(
                f"{where}: unknown key {key!r}", hint=did_you_mean(key, KEYS) or f"known: {', '.join(KEYS)}"
            )
    if ("command" in table) == ("url" in table):
        raise ConfigError(
            f"{where} must have either command or url",
            hint='for example: command = "uvx", args = ["mcp-server-time"]',
        )
    lost = _OF_ADDRESSES if "command" in table else _OF_COMMANDS
    for key in lost:
        if key in table:
            kind = "command" if "command" in table else "url"
            raise ConfigError(f"{where}.{key} does nothing for a server with {kind}", hint="remove it")
    values: dict[str, Any] = {key: _READERS[key](value, f"{where}.{key}") for key, value in table.items()}
    return McpServer(name, **values)


def resolved(values: Mapping[str, str], where: str, folder: Path, env: Mapping[str, str]) -> dict[str, str]:
    """The values of `headers` or `env`, with env:NAME, cmd:COMMAND and file:PATH put in. Raises KeyMissing.

    A word may stand before the reference: "Bearer env:TOKEN".
    """
    return {name: _resolved(value, f"{where}.{name}", folder, env) for name, value in values.items()}


def _resolved(value: str, where: str, folder: Path, env: Mapping[str, str]) -> str:
    match = _REFERENCE.match(value)
    if not match:
        return value
    try:
        return match["before"] + resolve_key(match["reference"], where, folder, env)
    except KeyMissing as error:
        problem = error.message.partition(": ")[2]
        raise KeyMissing(f"no value for {where}: {problem}", hint="mend it in the config") from error


def shown_url(url: str) -> str:
    """The address without what may be secret: user, password and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _tables(config: Config) -> Mapping[str, Any]:
    tables = config.data.get("mcp", {})
    if not isinstance(tables, Mapping):
        raise ConfigError(f"{config.path}: mcp must be tables, as in [mcp.NAME]")
    return tables


def _string(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ConfigError(f"{where} must be a string that is not empty")
    return value


def _path(value: Any, where: str) -> str:
    return os.path.expanduser(_string(value, where))


def _strings(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and "\0" not in item for item in value):
        raise ConfigError(f"{where} must be a list of strings")
    return tuple(value)


def _table(value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in value.values()):
        raise ConfigError(f"{where} must be a table of strings", hint='for example: { NAME = "env:VARIABLE" }')
    return dict(value)


def _url(value: Any, where: str) -> str:
    text = _string(value, where)
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{where} must begin with http:// or https:// and name a host")
    return text


def _transport(value: Any, where: str) -> str:
    if value not in TRANSPORTS:
        raise ConfigError(f"{where} must be one of {', '.join(TRANSPORTS)}, not {value!r}")
    return str(value)


def _seconds(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
        raise ConfigError(f"{where} must be a number of seconds above 0")
    return float(value)


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "command": _path,
    "args": _strings,
    "env": _table,
    "cwd": _path,
    "url": _url,
    "headers": _table,
    "transport": _transport,
    "allow": _strings,
    "timeout": _seconds,
}
