"""One request of a client: its headers and body, and what is sent back."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from llmctl.client.wire import Headers
from llmctl.errors import ClientLeft, TooLarge
from llmctl.gateway.entry import Entry
from llmctl.gateway.headers import find

if TYPE_CHECKING:
    from llmctl.gateway.doors.paths import Door
    from llmctl.gateway.limits import Slots
    from llmctl.gateway.protocol import ServerProtocol
    from llmctl.gateway.taping import Tape
    from llmctl.store.keys import GatewayKey

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Call:
    """A request while it is served. `clock` is time.perf_counter() when it began, `ready` when all was there."""

    __slots__ = (
        "client",
        "clock",
        "connection",
        "entry",
        "extra",
        "headers",
        "key",
        "method",
        "path",
        "query",
        "ready",
        "receive",
        "received",
        "rest",
        "slot",
        "slots",
        "started",
        "tape",
    )

    def __init__(self, scope: Scope, receive: Receive, door: Door) -> None:
        self.clock = self.ready = time.perf_counter()
        self.headers: Headers = scope["headers"]
        self.method: str = scope["method"]
        self.path = door.path
        self.query: bytes = scope["query_string"]
        self.receive = receive
        self.connection: ServerProtocol = scope["llmctl"]
        self.started = False
        """The status has been sent."""
        self.key: GatewayKey | None = None
        self.client: str = (scope.get("client") or ("", 0))[0]
        self.slot: str | None = None
        self.slots: Slots | None = None
        """The client that is counted, and where."""
        self.rest = True
        """There may be more of the body."""
        self.received: bytes | None = None
        """A body that was read, and is to be read again."""
        self.tape: Tape | None = None
        """Hears and sees everything, where it is recorded."""
        self.extra: Headers = []
        """Headers that go with every answer."""
        self.entry = Entry("", time.time(), door.kind)

    def door(self, door: Door) -> None:
        """Where the request goes."""
        self.path, self.entry.door = door.path, door.kind

    @property
    def target(self) -> str:
        """The path below /v1, with its query."""
        return f"{self.path}?{self.query.decode('latin-1')}" if self.query else self.path

    def header(self, name: bytes) -> bytes | None:
        return find(self.headers, name)

    async def portion(self) -> tuple[bytes, bool]:
        """(the next portion of the body, whether there is more). Raises ClientLeft."""
        if self.received is not None:
            body, self.received = self.received, None
            return body, False
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft("the client left before its request was complete")
        self.rest = message["more_body"]
        if self.tape is not None:
            self.tape.heard(message["body"])
        return message["body"], self.rest

    async def body(self, most: int) -> bytes:
        """The whole body. Raises TooLarge above `most` bytes."""
        told = self.header(b"content-length")
        if told is not None and told.isdigit() and int(told) > most:
            raise too_large(most)
        body, more = await self.portion()
        if not more:
            self.ready = time.perf_counter()
            return body
        parts, size = [body], len(body)
        while more:
            body, more = await self.portion()
            parts.append(body)
            size += len(body)
            if size > most:
                raise too_large(most)
        self.ready = time.perf_counter()
        return b"".join(parts)

    def start(self, status: int, headers: Headers) -> None:
        """Send the status. From here on nothing else can be answered."""
        self._starts(status)
        self.connection.start(status, [*headers, *self.extra])
        if self.tape is not None:
            self.tape.started(status, headers)

    async def write(self, data: bytes) -> None:
        if self.tape is not None:
            self.tape.said(data)
        await self.connection.part(data)

    def end(self) -> None:
        """The answer is complete: a client that leaves now leaves in peace."""
        self.unwatch()
        self.connection.finish()
        if self.tape is not None:
            self.tape.ended()

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """A whole answer."""
        self.unwatch()
        self._starts(status)
        self.connection.start(status, [*headers, *self.extra], body)
        if self.tape is not None:
            self.tape.started(status, headers)
            self.tape.said(body)
            self.tape.ended()

    def _starts(self, status: int) -> None:
        self.started = True
        self.entry.status = status

    def cut(self) -> None:
        """End the connection without an end of the answer, so that it can't be taken for whole."""
        self.connection.cut()

    @property
    def gone(self) -> bool:
        """Whether nobody waits for the answer any more."""
        connection = self.connection
        return connection.transport.is_closing() or self.entry.cancelled or connection.lingering_since is not None

    def watch(self) -> None:
        """From here on, a client that leaves cancels this task."""
        self.entry.task = self.connection.task
        self.connection.serving = self.entry

    def unwatch(self) -> None:
        if self.connection.serving is self.entry:
            self.connection.serving = None  # by now it may be the next request's
        self.entry.task = None


def too_large(most: int) -> TooLarge:
    """The error for a body above `most` bytes."""
    return TooLarge(
        f"the body is larger than {most // 1024**2} MB", hint="serve.max_body_mb in the config allows more"
    )
