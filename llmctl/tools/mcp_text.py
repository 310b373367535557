"""MCP in words: results as text for the model, and what went wrong with a server as one line."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from llmctl.config.mcp import McpServer, shown_url
from llmctl.core.redact import redact
from llmctl.errors import ConfigError, LlmctlError, ToolServerFailed

_CLOSED, _TIMED_OUT = -32000, -32001
"""The SDK's own error codes for a connection that ended and a request without an answer."""

_SHORTEST_LITERAL = 8
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass
class Peer:
    """A server, what it wrote to stderr (a file), and what of its settings must never be shown."""

    server: McpServer
    log: IO[bytes]
    secrets: list[str] = field(default_factory=list)

    def keep_secret(self, written: Mapping[str, str], values: Mapping[str, str]) -> None:
        """Never show these values of `env` or `headers`, nor what stands behind a word like Bearer.

        Those that the config holds as they are may be ordinary words: only longer ones count.
        """
        for name, value in values.items():
            shortest = _SHORTEST_LITERAL if value == written[name] else 0
            self.secrets += [part for part in (value, value.rpartition(" ")[2]) if len(part) >= shortest]


def result_text(content: Sequence[Any], structured: Any) -> str:
    """What goes back to the model: the text; the structured result where there is none; the rest described."""
    parts = [_part(part) for part in content]
    if structured is not None and not any(part.type == "text" for part in content):
        parts.append(json.dumps(structured, ensure_ascii=False, default=str))
    return "\n".join(parts)


def function_name(name: str) -> str:
    """A tool's name as a function's: other characters than those allowed become _, and it is cut at 64."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64] or "_"


def _part(part: Any) -> str:
    if part.type == "text":
        return str(part.text)
    if part.type in ("image", "audio"):
        return f"[{part.type}, {part.mime_type}, {_size(part.data)} bytes]"
    if part.type == "resource_link":
        return f"[resource {part.name}: {part.uri}]"
    resource = part.resource
    if hasattr(resource, "text"):
        return f"[resource {resource.uri}]\n{resource.text}"
    return f"[resource {resource.uri}, {resource.mime_type or 'of no known type'}, {_size(resource.blob)} bytes]"


def _size(data: str) -> int:
    return len(base64.b64decode(data.encode(), validate=False))


def first_cause(error: BaseException) -> BaseException:
    """The first of the errors in a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@contextlib.contextmanager
def heard(peer: Peer) -> Iterator[IO[bytes]]:
    """A file for a server's stderr, of which each line is shown, without secrets and control characters."""
    reader, writer = os.pipe()

    def show() -> None:
        with os.fdopen(reader, "rb") as lines:
            for line in lines:
                text = redact(line.decode("utf-8", "replace").rstrip("\r\n"), peer.secrets)
                with contextlib.suppress(OSError, ValueError):  # nobody is there to see it
                    print(_CONTROL.sub("", text), file=sys.stderr, flush=True)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        with os.fdopen(writer, "wb") as file:
            yield file
    finally:
        thread.join(1)  # a program that the server left behind may hold the other end open


def failure(peer: Peer, error: BaseException, *, heard: bool = True) -> LlmctlError:
    """What happened, if `heard` with what the server said last."""
    server, error = peer.server, first_cause(error)
    where = f"MCP server {server.name}"
    if server.command and isinstance(error, FileNotFoundError | PermissionError):
        return ConfigError(
            f"{where}: can't run {server.command!r}: {error.strerror}",
            hint=f"install it, or give its full path in [mcp.{server.name}]",
        )
    said = _last_line(peer.log) if heard else ""
    message = f"{where}{_what_happened(server, error)}" + (f"; it said: {said}" if said else "")
    return ToolServerFailed(redact(message, peer.secrets), hint=_hint(server))


def _what_happened(server: McpServer, error: BaseException) -> str:
    code = getattr(error, "code", None)
    if isinstance(error, TimeoutError) or code == _TIMED_OUT:
        return f" did not answer in {server.timeout:g} s"
    if server.command and code == _CLOSED:
        return " ended, or closed its output"
    status = getattr(getattr(error, "response", None), "status_code", None)
    reason = f"it answered with status {status}" if status else " ".join(str(error).split())
    return f"{f' at {shown_url(server.url)}' if server.url else ''}: {reason or type(error).__name__}"


def _hint(server: McpServer) -> str:
    if server.command:
        return f"see what it says with: llmctl mcp test {server.name} --verbose"
    return f"check url, transport and headers in [mcp.{server.name}]"


def _last_line(log: IO[bytes]) -> str:
    """The last line that is not empty of what the server wrote to stderr."""
    size = log.seek(0, 2)
    log.seek(max(0, size - 4000))
    lines = log.read().decode("utf-8", "replace").split("\n")
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")
