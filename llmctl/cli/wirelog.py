"""--verbose and --debug: what goes over the wire, keys withheld."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

from llmctl.cli.streams import DIM, Streams, harmless
from llmctl.client.transport import HttpReply
from llmctl.config.paths import state_folder
from llmctl.core.faults import request_id
from llmctl.core.redact import redact, secrets_of, show_headers
from llmctl.core.requests import HttpRequest
from llmctl.core.urls import shown
from llmctl.errors import LlmctlError, UsageError
from llmctl.platforms import native_path, shown_path

if TYPE_CHECKING:
    from llmctl.client.trace import Listener


def listeners(streams: Streams) -> list[Listener]:
    """Those that the global options ask for."""
    settings = streams.settings
    found: list[Listener] = [VerboseLog(streams)] if settings.verbose else []
    if settings.debug or settings.debug_file:
        found.append(DebugLog(streams))
    return found


class VerboseLog:
    """A line on stderr for each request, reply and end."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    def sent(self, number: int, request: HttpRequest) -> None:
        self._say(f"> {request.method} {shown(request.url)}  {_bytes(request.size)}")

    def replied(self, number: int, reply: HttpReply, seconds: float) -> None:
        known = request_id(reply.headers)
        self._say(
            f"< {reply.status} after {_time(seconds)}" + (f", request id {harmless(known)}" if known else "")
        )

    def received(self, number: int, data: bytes) -> None:
        """Said as a sum, at the end."""

    def ended(self, number: int, seconds: float, size: int, error: LlmctlError | None) -> None:
        how = f"failed after {_time(seconds)}" if error else f"{_bytes(size)}, complete after {_time(seconds)}"
        self._say(f"= {how}")

    def _say(self, text: str) -> None:
        self._streams.say(self._streams.paint(text, DIM))


class DebugLog:
    """Everything, in a file of mode 0600: `#1 >` goes out, `#1 <` comes in, a line of the wire each.

    Only whole lines are written, so that a secret which comes back in two pieces is found all the same.
    """

    def __init__(self, streams: Streams) -> None:
        given = streams.settings.debug_file
        path = Path(os.path.expanduser(native_path(given))) if given else _new_file(streams)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            if stat.S_ISREG(os.fstat(handle).st_mode):  # a device keeps its mode
                os.chmod(path, 0o600)
        except OSError as error:
            raise UsageError(
                f"can't write the wire log {shown_path(str(path))}: {error.strerror or error}"
            ) from error
        self._file = os.fdopen(handle, "w", encoding="utf-8", errors="replace")
        self._secrets: set[str] = set()
        self._rest: dict[int, bytearray] = {}
        streams.note(f"the wire is logged in {shown_path(str(path))}; it holds your prompts")

    def sent(self, number: int, request: HttpRequest) -> None:
        hidden = show_headers(request.headers, request.secrets)
        for name, value in request.headers.items():
            if value != hidden[name]:
                self._secrets |= {value, value.rpartition(" ")[2]}
        self._secrets.update(secrets_of(request.headers, request.url))
        self._secrets |= {secret.replace("/", "\\/") for secret in self._secrets}  # as some servers write JSON
        self._write(number, ">", f"{request.method} {shown(request.url)}")
        self._headers(number, ">", hidden)
        for line in (request.body or b"").decode("utf-8", "replace").splitlines():
            self._write(number, ">", line)

    def replied(self, number: int, reply: HttpReply, seconds: float) -> None:
        self._write(number, "<", f"{reply.status} after {_time(seconds)}")
        self._headers(number, "<", show_headers(reply.headers))

    def received(self, number: int, data: bytes) -> None:
        held = self._rest.setdefault(number, bytearray())
        held += data
        if b"\n" not in data:
            return
        *lines, rest = held.split(b"\n")
        self._rest[number] = rest
        for line in lines:
            self._write(number, "<", line.decode("utf-8", "replace").rstrip("\r"))

    def ended(self, number: int, seconds: float, size: int, error: LlmctlError | None) -> None:
        rest = self._rest.pop(number, None)
        if rest:
            self._write(number, "<", rest.decode("utf-8", "replace"))
        why = f", {type(error).__name__}: {error.message}" if error else ""
        self._write(number, "=", f"{_bytes(size)} after {_time(seconds)}{why}")

    def _headers(self, number: int, mark: str, headers: dict[str, str]) -> None:
        for name, value in headers.items():
            self._write(number, mark, f"{name}: {value}")
        self._write(number, mark, "")

    def _write(self, number: int, mark: str, text: str) -> None:
        now = time.time()
        stamp = time.strftime("%H:%M:%S", time.localtime(now)) + f".{int(now * 1000) % 1000:03}"
        try:
            self._file.write(f"{stamp} #{number} {mark} {redact(text, self._secrets)}\n")
            self._file.flush()
        except OSError as error:
            raise UsageError(f"can't write the wire log: {error.strerror or error}") from error


def _new_file(streams: Streams) -> Path:
    name = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{os.getpid()}.log"
    return state_folder(streams.env) / "debug" / name


def _bytes(count: int) -> str:
    return f"{count} B" if count < 1000 else f"{count / 1000:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"
