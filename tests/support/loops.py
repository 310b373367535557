"""The gateway's HTTP/1.1 client on either event loop, and a server in threads that does as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

from llmctl.client.deadline import Deadline
from llmctl.client.wire import Wire, WireReply
from llmctl.config.target import Timeouts

PATIENCE = 30

T = TypeVar("T")
Main = Coroutine[Any, Any, T]
Serving = Callable[[socket.socket, int], Any]


class Run:
    """run(main()): what it returns, on one of the loops. What a callback of the loop raises fails the test."""

    def __init__(self, factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self._factory = factory
        self._wires: list[Wire] = []
        self._raised: list[dict[str, Any]] = []

    def wire(self, *args: Any) -> Wire:
        """A Wire that is closed in the end."""
        self._wires.append(Wire(*args))
        return self._wires[-1]

    def __call__(self, main: Main[T]) -> T:
        with asyncio.Runner(loop_factory=self._factory) as runner:
            result = runner.run(self._bounded(main))
        assert self._raised == []
        return result

    async def _bounded(self, main: Main[T]) -> T:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self._raised.append(context))
        try:
            async with asyncio.timeout(PATIENCE):
                return await main
        finally:
            for wire in self._wires:
                wire.close()
            for _ in range(5):  # the loop closes a socket one turn later
                await asyncio.sleep(0)


def deadline(streamed: bool = False, **limits: float) -> Deadline:
    made = Deadline(Timeouts(**limits))
    made.start_attempt(streamed)
    return made


async def send(
    wire: Wire,
    method: str = "GET",
    body: bytes = b"",
    limits: Deadline | None = None,
    more: AsyncIterator[bytes] | None = None,
    headers: bytes = b"",
) -> WireReply:
    if body or more is None:
        headers += b"content-length: %d\r\n" % len(body)
    head = b"%b /v1/x HTTP/1.1\r\nhost: test\r\n%b\r\n" % (method.encode(), headers)
    return await wire.send(head, body, limits or deadline(), method == "HEAD", more)


async def read(reply: WireReply) -> bytes:
    """The body to its end."""
    parts = []
    while part := await reply.read():
        parts.append(part)
    assert reply.ended
    return b"".join(parts)


async def ask(wire: Wire, *args: Any, **more: Any) -> bytes:
    return await read(await send(wire, *args, **more))


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


class Scripted:
    """A server: `serve(connection, number)` for each connection, in a thread, and closed after that."""

    def __init__(self, serve: Serving) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._run, args=(connection, self.connections), daemon=True).start()

    def _run(self, connection: socket.socket, number: int) -> None:
        with connection, contextlib.suppress(OSError):
            self._serve(connection, number)

    def __enter__(self) -> Scripted:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()


def receive_request(connection: socket.socket) -> bool:
    """The next request without a body; False at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return False
        data += part
    return True
