"""What a scripted upstream answers: whole replies, streams made of steps, and every way to misbehave."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal, Protocol

JsonBody = dict[str, Any] | list[Any]
HeaderItems = Mapping[str, str] | Sequence[tuple[str, str]]


class Line(Protocol):
    """What a step may do to the connection it is played on."""

    def write(self, data: bytes) -> None:
        """Send a piece of the body (as one chunk, when the reply is chunked)."""

    def raw(self, data: bytes) -> None:
        """Send bytes straight to the socket."""

    def wait(self, event: threading.Event | None = None, seconds: float | None = None) -> None:
        """Wait for the event or the time, whichever comes first; give up when the client goes."""

    def cut(self) -> None:
        """Close the socket in the middle of the reply."""

    def reset(self) -> None:
        """Close the socket with a TCP RST."""


@dataclass(frozen=True)
class Wait:
    """Wait until the test sets the event."""

    event: threading.Event

    def play(self, line: Line) -> None:
        line.wait(self.event)


class Gate:
    """A door in the middle of a reply: the server stands at it until the test calls `open()`."""

    def __init__(self, name: str = "gate") -> None:
        self.name = name
        self._open = threading.Event()
        self._reached = threading.Event()

    def open(self) -> None:
        self._open.set()

    def wait_reached(self, timeout: float = 20) -> None:
        """Wait until the server stands at this gate: all steps before it have been sent."""
        assert self._reached.wait(timeout), f"the upstream didn't reach gate {self.name!r} in {timeout} s"

    def play(self, line: Line) -> None:
        self._reached.set()
        line.wait(self._open)


@dataclass(frozen=True)
class Delay:
    """Let this many seconds pass."""

    seconds: float

    def play(self, line: Line) -> None:
        line.wait(seconds=self.seconds)


@dataclass(frozen=True)
class Cut:
    """Close the socket without finishing the reply."""

    def play(self, line: Line) -> None:
        line.cut()


@dataclass(frozen=True)
class Reset:
    """Break the connection with a TCP RST."""

    def play(self, line: Line) -> None:
        line.reset()


@dataclass(frozen=True)
class Hang:
    """Say nothing more, until the client goes or the server stops."""

    def play(self, line: Line) -> None:
        line.wait()


@dataclass(frozen=True)
class Raw:
    """Bytes straight on the socket, outside any chunk: garbage in a chunked body, for example."""

    data: bytes

    def play(self, line: Line) -> None:
        line.raw(self.data)


Action = Wait | Gate | Delay | Cut | Reset | Hang | Raw
Step = bytes | str | Action
Event = dict[str, Any] | Step


@dataclass(frozen=True)
class Reply:
    """One answer. A dict or list body is sent as JSON; `content_length` may lie; None leaves it out."""

    status: int = 200
    headers: HeaderItems = field(default_factory=dict)
    body: bytes | str | JsonBody = b""
    reason: str | None = None
    content_length: int | Literal["auto"] | None = "auto"
    close: bool = False
    steps: tuple[Step, ...] | None = None
    chunked: bool = True
    bare: bool = False
    """With `bare` no status line and no headers are sent: the steps are all there is."""

    @classmethod
    def stream(
        cls,
        steps: Iterable[Step],
        *,
        status: int = 200,
        headers: HeaderItems = (),
        chunked: bool = True,
        content_length: int | None = None,
    ) -> Reply:
        """A body sent step by step: each piece is one chunk, or raw until close with `chunked=False`."""
        return cls(status, headers, steps=tuple(steps), chunked=chunked, content_length=content_length)

    @classmethod
    def sse(
        cls,
        *events: Event,
        done: bool = True,
        status: int = 200,
        headers: HeaderItems = (),
        chunked: bool = True,
    ) -> Reply:
        """An event stream: a dict becomes `data: JSON`, a str `data: STR`, bytes go verbatim."""
        steps = [_event_step(event) for event in events]
        if done:
            steps.append(b"data: [DONE]\n\n")
        pairs = header_pairs(headers)
        if not any(name.lower() == "content-type" for name, _ in pairs):
            pairs.insert(0, ("Content-Type", "text/event-stream"))
        return cls.stream(steps, status=status, headers=pairs, chunked=chunked)

    @classmethod
    def refuse(cls) -> Reply:
        """Read the request and close without sending a byte."""
        return cls.raw(b"")

    @classmethod
    def reset(cls) -> Reply:
        """Read the request and break the connection with a TCP RST."""
        return cls(steps=(Reset(),), bare=True)

    @classmethod
    def hang(cls) -> Reply:
        """Read the request and never answer, until the client goes or the server stops."""
        return cls(steps=(Hang(),), bare=True)

    @classmethod
    def raw(cls, data: bytes) -> Reply:
        """Send exactly these bytes instead of an HTTP response, then close."""
        return cls(steps=(Raw(data), Cut()), bare=True)

    def payload(self) -> bytes:
        """The whole body's bytes (for a reply without steps)."""
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()

    def ends_by_close(self, http_1_0: bool = False) -> bool:
        """Whether the client can tell the end of this body only by the closing of the connection."""
        if self.content_length is None:
            return self.steps is None or not self.chunked or http_1_0
        return self.close

    def is_chunked(self, http_1_0: bool = False) -> bool:
        return self.steps is not None and self.content_length is None and not self.ends_by_close(http_1_0)

    def head(self, http_1_0: bool = False) -> bytes:
        """Status line and headers."""
        pairs = header_pairs(self.headers)
        names = {name.lower() for name, _ in pairs}
        if isinstance(self.body, dict | list) and "content-type" not in names:
            pairs.append(("Content-Type", "application/json"))
        if self.content_length is not None and self.status not in (204, 304):
            length = len(self.payload()) if self.content_length == "auto" else self.content_length
            pairs.append(("Content-Length", str(length)))
        elif self.is_chunked(http_1_0):
            pairs.append(("Transfer-Encoding", "chunked"))
        if (self.close or self.ends_by_close(http_1_0)) and "connection" not in names:
            pairs.append(("Connection", "close"))
        lines = [f"HTTP/1.1 {self.status} {self.phrase()}", *(f"{name}: {value}" for name, value in pairs)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def phrase(self) -> str:
        """The reason phrase: the given one, or the usual one for this status."""
        if self.reason is not None:
            return self.reason
        known = {status.value: status.phrase for status in HTTPStatus}
        return known.get(self.status, "Unknown")


def header_pairs(headers: HeaderItems) -> list[tuple[str, str]]:
    return list(headers.items()) if isinstance(headers, Mapping) else list(headers)


def _event_step(event: Event) -> Step:
    if isinstance(event, dict):
        event = json.dumps(event)
    return f"data: {event}\n\n".encode() if isinstance(event, str) else event
