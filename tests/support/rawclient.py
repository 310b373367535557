"""An HTTP/1.1 client over a plain socket: it shows an answer's bytes as they came, and misbehaves as told."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

TIMEOUT = 20

Body = bytes | str | dict[str, Any] | list[Any] | None
Headers = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass
class Answer:
    """What came. `pieces` are the chunks of a chunked body; `whole`: the body ended as its framing says."""

    status: int
    headers: dict[str, str]
    pieces: list[bytes] = field(default_factory=list)
    whole: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error, which has the four keys of OpenAI's envelope."""
        error: dict[str, Any] = self.json()["error"]
        assert {"message", "type", "param", "code"} <= error.keys(), error
        assert isinstance(error["message"], str), error
        assert error["message"], error
        assert isinstance(error["type"], str), error
        return error

    @property
    def payloads(self) -> list[str]:
        """The data of each event."""
        lines = self.body.replace(b"\r", b"").decode().split("\n")
        return [line[5:].strip() for line in lines if line.startswith("data:")]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The data of each event but [DONE]."""
        return [json.loads(payload) for payload in self.payloads if payload != "[DONE]"]

    @property
    def done(self) -> bool:
        """Whether the stream ended as a good one does."""
        return self.whole and self.payloads[-1:] == ["[DONE]"]

    @property
    def text(self) -> str:
        """The content of a chat answer, streamed or whole."""
        if not self.headers.get("content-type", "").startswith("text/event-stream"):
            return str(self.json()["choices"][0]["message"]["content"])
        choices = [choice for event in self.events for choice in event.get("choices", ())]
        return "".join(choice["delta"].get("content") or "" for choice in choices)


class RawClient:
    """One connection. `ask` sends a request and reads its answer; the parts of both are there as well."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.sock = socket.create_connection((host, port), timeout=TIMEOUT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._host = f"{host}:{port}"
        self._buffer = b""
        self._methods: list[str] = []

    def __enter__(self) -> RawClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, method: str, path: str, body: Body = None, headers: Headers = ()) -> Answer:
        self.send(method, path, body, headers)
        return self.answer()

    def send(self, method: str, path: str, body: Body = None, headers: Headers = ()) -> None:
        """Send a whole request."""
        self.raw(self.request(method, path, body, headers))

    def request(self, method: str, path: str, body: Body = None, headers: Headers = ()) -> bytes:
        """A whole request's bytes, whose answer will be read."""
        self._methods.append(method)
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        names = {name.lower() for name, _ in pairs}
        data = _data(body)
        if "host" not in names:
            pairs.insert(0, ("Host", self._host))
        if body is not None and not names & {"content-length", "transfer-encoding"}:
            pairs.append(("Content-Length", str(len(data))))
        if isinstance(body, dict | list) and "content-type" not in names:
            pairs.append(("Content-Type", "application/json"))
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in pairs)]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + data

    def raw(self, data: bytes) -> None:
        self.sock.sendall(data)

    def head(self) -> Answer:
        """Status and headers of the next answer, without its body."""
        head = self._until(b"\r\n\r\n").decode("latin-1")
        first, *lines = head.split("\r\n")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            key = name.strip().lower()
            headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
        status = int(first.split(" ")[1])
        return self.head() if status == 100 else Answer(status, headers)

    def answer(self) -> Answer:
        """The next answer, up to its end, or to where the connection broke."""
        answer = self.head()
        self.rest(answer)
        return answer

    def rest(self, answer: Answer) -> None:
        """Read the body of an answer whose head was read."""
        method = self._methods.pop(0) if self._methods else "GET"
        if method == "HEAD" or answer.status in (204, 304):
            answer.whole = True
            return
        with suppress(EOFError, OSError):
            if "chunked" in answer.headers.get("transfer-encoding", ""):
                while self.piece(answer):
                    pass
            elif "content-length" in answer.headers:
                self._exactly(int(answer.headers["content-length"]), answer)
            else:
                self._until_end(answer)
            answer.whole = True

    def piece(self, answer: Answer) -> bytes:
        """The next chunk; b"" at the end. Raises EOFError where the connection ends before."""
        size = int(self._until(b"\r\n").split(b";")[0], 16)
        while len(self._buffer) < size + 2:
            self._fill()
        data, self._buffer = self._buffer[:size], self._buffer[size + 2 :]
        if data:
            answer.pieces.append(data)
        return data

    def wait_closed(self) -> bytes:
        """What comes until the other side closes; fails the test when it doesn't."""
        data, self._buffer = self._buffer, b""
        with suppress(ConnectionError):
            while more := self.sock.recv(65536):
                data += more
        return data

    def reset(self) -> None:
        """Break the connection with a TCP RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        self.sock.close()

    def _until(self, mark: bytes) -> bytes:
        while (at := self._buffer.find(mark)) < 0:
            self._fill()
        data, self._buffer = self._buffer[:at], self._buffer[at + len(mark) :]
        return data

    def _exactly(self, size: int, answer: Answer) -> None:
        parts, left = [self._buffer[:size]], size - len(self._buffer)
        self._buffer = self._buffer[size:]
        try:
            while left > 0:
                data = self.sock.recv(min(left, 1 << 20))
                if not data:
                    raise EOFError("the connection was closed")
                parts.append(data)
                left -= len(data)
        finally:
            answer.pieces.append(b"".join(parts))

    def _until_end(self, answer: Answer) -> None:
        answer.pieces.append(self._buffer)
        self._buffer = b""
        while data := self.sock.recv(65536):
            answer.pieces.append(data)

    def _fill(self) -> None:
        data = self.sock.recv(1 << 18)
        if not data:
            raise EOFError("the connection was closed")
        self._buffer += data


def _data(body: Body) -> bytes:
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()
