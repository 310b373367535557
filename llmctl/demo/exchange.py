"""What goes in and out of the demo provider, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from llmctl.demo.encoding import encode
from llmctl.demo.problems import Problem

JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"


@dataclass(frozen=True)
class Asked:
    """A request, its body read. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    origin: str = ""
    created: int = 0


@dataclass(frozen=True)
class Reply:
    """A response: a body, or the events of a stream.

    `slow` means that the first piece and each after it take their time. With `cut` the
    connection closes where the rest of the body, or of the stream, would follow.
    """

    body: bytes = b""
    events: tuple[bytes, ...] | None = None
    status: int = 200
    kind: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    slow: bool = False
    cut: bool = False


def json_reply(value: object) -> Reply:
    """A reply of status 200 with a JSON body."""
    return Reply(encode(value))


def stream_reply(events: list[bytes]) -> Reply:
    """A reply that streams."""
    return Reply(
        events=tuple(events), kind=EVENTS, headers=(("Cache-Control", "no-cache"), ("X-Accel-Buffering", "no"))
    )


def problem_reply(problem: Problem) -> Reply:
    """A reply that says what is wrong."""
    return Reply(encode(problem.envelope()), status=problem.status, headers=problem.headers)
