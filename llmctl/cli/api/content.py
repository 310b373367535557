"""Bodies of requests: files streamed from disk, forms, standard input."""

from __future__ import annotations

import mimetypes
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from llmctl.cli.streams import Streams
from llmctl.core.headers import is_header_name, is_header_value
from llmctl.core.requests import Content, Upload
from llmctl.errors import UsageError
from llmctl.platforms import native_path

_PORTION = 256 * 1024
_OURS = ("host", "content-length", "transfer-encoding", "connection")
"""Headers that say where a request goes and where it ends."""

Part = bytes | tuple[Path, int]
"""Bytes, or a file and its size."""


class Files:
    """Reads files and standard input for one command; stdin once only."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._used = False

    def read(self, name: str) -> bytes:
        """A whole file; "-" is standard input. Raises UsageError."""
        if name == "-":
            return self._stdin()
        try:
            return Path(native_path(name)).read_bytes()
        except (OSError, ValueError) as error:
            raise _unreadable(name, error) from error

    def part(self, name: str) -> Part:
        """What to send of a file: itself if it is a plain one, else what can be read from it now."""
        if name == "-":
            return self._stdin()
        try:
            path = Path(native_path(name))
            facts = path.stat()
            if stat.S_ISREG(facts.st_mode):
                with path.open("rb"):  # may it be read at all?
                    return path, facts.st_size
        except (OSError, ValueError) as error:
            raise _unreadable(name, error) from error
        return self.read(name)

    def _stdin(self) -> bytes:
        import sys

        if self._used:
            raise UsageError("standard input can be used once only")
        if sys.stdin is None:
            raise UsageError("standard input is closed", hint="an empty one is: < /dev/null")
        self._used = True
        if self._streams.input_terminal:
            self._streams.say("Type the input, then Ctrl-D.")
        return sys.stdin.buffer.read()


def upload(parts: list[Part]) -> Upload:
    """The parts one after the other, files read when they are sent."""
    return Upload(lambda: _portions(parts), sum(len(p) if isinstance(p, bytes) else p[1] for p in parts))


def input_content(name: str, files: Files) -> Content:
    """The content of --input: JSON, unless a header says otherwise."""
    part = files.part(name)
    return Content(part if isinstance(part, bytes) else upload([part]), {"content-type": "application/json"})


def form_content(pairs: list[str], files: Files) -> Content:
    """multipart/form-data of key=value and key=@file. Raises UsageError."""
    boundary = f"llmctl-{secrets.token_hex(16)}"
    parts: list[Part] = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--form {pair!r} is not key=value or key=@file")
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"'
        if value.startswith("@"):
            kind = mimetypes.guess_type(value)[0] or "application/octet-stream"
            filename = "stdin" if value == "@-" else os.path.basename(value[1:])
            head += f'; filename="{_quoted(filename)}"\r\nContent-Type: {kind}'
            body = files.part(value[1:])
        else:
            body = value.encode("utf-8", "replace")
        parts += [f"{head}\r\n\r\n".encode("utf-8", "replace"), body, b"\r\n"]
    parts.append(f"--{boundary}--\r\n".encode())
    return Content(upload(parts), {"content-type": f"multipart/form-data; boundary={boundary}"})


def read_headers(lines: list[str]) -> dict[str, str]:
    """["name: value"] as a table, names in lower case. Raises UsageError, which never repeats a value."""
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if not colon or not is_header_name(name):
            raise UsageError(f"-H {name.split('=')[0]!r} is not NAME:VALUE")
        if name in _OURS:
            raise UsageError(f"-H {name} can't be set: it says where a request goes or ends")
        value = value.strip()
        if not is_header_value(value):
            raise UsageError(f"-H {name} holds what can't be sent: a line break, or what is not ASCII")
        headers[name] = value
    return headers


def _portions(parts: list[Part]) -> Iterator[bytes]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
        else:
            yield from _file(*part)


def _file(path: Path, size: int) -> Iterator[bytes]:
    """As many bytes as were announced. Raises UsageError when the file has become shorter."""
    left = size
    try:
        with path.open("rb") as file:
            while left and (data := file.read(min(_PORTION, left))):
                left -= len(data)
                yield data
    except OSError as error:
        raise _unreadable(str(path), error) from error
    if left:
        raise UsageError(f"{path} has changed while it was sent")


def _quoted(text: str) -> str:
    """A name in quotes, as browsers write it."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _unreadable(name: str, error: Exception) -> UsageError:
    return UsageError(f"can't read {name}: {getattr(error, 'strerror', None) or error}")
