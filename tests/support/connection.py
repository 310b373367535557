"""One connection of the scripted upstream: reads requests, plays replies, notices when the client goes."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from support.replies import Reply

POLL = 0.005
"""How often a waiting reply looks whether its client is still there, in seconds."""


class Ended(Exception):
    """The connection is over: nothing more can be read or sent on it."""


class ClientGone(Ended):
    """The client closed or broke the connection."""


class Headers(dict[str, str]):
    """Request headers, looked up in any case; the values of a repeated one are joined with commas."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__()
        for name, value in pairs:
            key = name.lower()
            super().__setitem__(key, f"{self[key]}, {value}" if key in self else value)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


@dataclass(frozen=True)
class Request:
    """A request as it came in. `target` is verbatim; `path` and `query` are taken from it."""

    method: str
    target: str
    version: str
    headers: Headers
    raw_headers: list[tuple[str, str]]
    body: bytes
    connection: int

    @property
    def path(self) -> str:
        return self.target if self.method == "CONNECT" else urlsplit(self.target).path

    @property
    def query(self) -> str:
        return "" if self.method == "CONNECT" else urlsplit(self.target).query

    @property
    def params(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def keep_alive(self) -> bool:
        return self.version == "HTTP/1.1" and self.headers.get("connection", "").lower() != "close"

    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """A socket with a read buffer. Only its own thread uses it, except for `stop`."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.number = number
        self.sock = sock
        self._buffer = bytearray()
        self._chunked = False

    # reading

    def read_request(self) -> Request:
        """The next request. Raises ClientGone at the end, ValueError for what isn't HTTP."""
        head = self._read_until(b"\r\n\r\n").decode("latin-1")
        first, *lines = head.split("\r\n")
        method, target, version = first.split(" ")
        pairs = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        headers = Headers(pairs)
        if headers.get("expect", "").lower() == "100-continue":
            self.raw(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in headers.get("transfer-encoding", ""):
            body = self._read_chunks()
        else:
            body = self._read_exactly(int(headers.get("content-length", 0)))
        return Request(method, target, version, headers, pairs, body, self.number)

    def take_buffer(self) -> bytes:
        """What has been received beyond the last request."""
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while size := int(self._read_until(b"\r\n").split(b";")[0], 16):
            body += self._read_exactly(size)
            self._read_until(b"\r\n")
        while self._read_until(b"\r\n"):
            pass  # trailers
        return bytes(body)

    def _read_until(self, mark: bytes) -> bytes:
        while (at := self._buffer.find(mark)) < 0:
            self._fill()
        data = bytes(self._buffer[:at])
        del self._buffer[: at + len(mark)]
        return data

    def _read_exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._fill()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _fill(self) -> None:
        try:
            data = self.sock.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError):
            raise
        except OSError as error:
            raise ClientGone from error
        if not data:
            raise ClientGone
        self._buffer += data

    # answering

    def turn_away(self, reply: Reply) -> None:
        """Send the reply, whatever the request was, and close."""
        self.raw(reply.head() + reply.payload())
        self.cut()

    def answer(self, reply: Reply, request: Request) -> None:
        """Play the reply. Raises Ended when the connection can't be used again."""
        http_1_0 = request.version == "HTTP/1.0"
        self._chunked = False
        if not reply.bare:
            self.raw(reply.head(http_1_0))
        self._chunked = reply.is_chunked(http_1_0)
        if request.method != "HEAD":
            self._send_body(reply)
        if reply.close or reply.ends_by_close(http_1_0) or not request.keep_alive:
            self.cut()

    def _send_body(self, reply: Reply) -> None:
        if reply.steps is None:
            self.raw(reply.payload())
            return
        for step in reply.steps:
            if isinstance(step, bytes | str):
                self.write(step if isinstance(step, bytes) else step.encode())
            else:
                step.play(self)
        if self._chunked:
            self.raw(b"0\r\n\r\n")

    # what steps may do

    def write(self, data: bytes) -> None:
        if not data:
            return  # an empty chunk would end the body
        self.raw(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def raw(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise ClientGone from error

    def wait(self, event: threading.Event | None = None, seconds: float | None = None) -> None:
        deadline = None if seconds is None else time.monotonic() + seconds
        event = event or threading.Event()
        while deadline is None or time.monotonic() < deadline:
            if event.wait(POLL):
                return
            self._notice_client_gone()

    def _notice_client_gone(self) -> None:
        self.sock.setblocking(False)
        with suppress(BlockingIOError, ssl.SSLWantReadError):
            self._fill()
        self.sock.setblocking(True)

    def cut(self) -> None:
        self.close()
        raise Ended

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.cut()

    def close(self) -> None:
        self.sock.close()

    def stop(self) -> None:
        """Called from another thread: wakes the connection's own thread out of any read or write."""
        with suppress(OSError):  # it may be over already
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
