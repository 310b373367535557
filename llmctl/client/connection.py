"""One HTTP/1.1 connection of a Wire, and the replies that come on it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Protocol

import httptools

from llmctl.client.deadline import Deadline
from llmctl.client.failures import not_http, wrong_http
from llmctl.errors import LlmctlError, NetworkError, NotUnderstood, StreamBroken

_HIGH = 256 * 1024
"""Bytes held for a slow reader before the socket is left alone."""
_MAX_HEAD = 64 * 1024
_AT_ONCE = 0.5
"""Seconds in which word comes from a connection that was closed before it was written to: a round trip."""

Headers = list[tuple[bytes, bytes]]


class Owner(Protocol):
    """What a connection tells when it can be used again, and when it is over."""

    @property
    def peer(self) -> str: ...
    def keep(self, connection: Connection) -> None: ...
    def forget(self, connection: Connection) -> None: ...


class WireReply:
    """A reply, from its headers on. Names of headers are in lower case. `close` it, or read it to its end."""

    __slots__ = ("_chunks", "_connection", "_ended", "_error", "_held", "_nudged", "_waiter", "headers", "status")

    def __init__(self, connection: Connection) -> None:
        self.status = 0
        self.headers: Headers = []
        self._connection = connection
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._ended = False
        self._nudged = False
        self._error: LlmctlError | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def read(self) -> bytes:
        """What has come of the body; b"" at its end, or when nudged. Raises StreamBroken, or TimedOut."""
        while not self._chunks:
            if self._nudged:
                self._nudged = False
                return b""
            if self._error:
                raise self._error
            if self._ended:
                return b""
            await self._wait()
        chunks = self._chunks
        data = chunks.popleft() if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        if self._held > _HIGH:
            self._connection.resume()
        self._held = 0
        self._nudged = False
        return data

    async def close(self) -> None:
        """Give it up; the other side notices when it wasn't done."""
        self._connection.drop(self)

    def nudge(self) -> None:
        """Wake the reader although nothing has come; `ended` tells the difference."""
        self._nudged = True
        self.wake()

    async def head(self) -> None:
        """Wait for the headers."""
        while not self.status or self.status < 200:
            if self._error:
                raise self._error
            await self._wait()

    async def _wait(self) -> None:
        self._waiter = self._connection.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # called by the connection

    def wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def fail(self, error: LlmctlError) -> None:
        if not self._ended and self._error is None:
            self._error = error
            self.wake()

    def body(self, data: bytes) -> bool:
        """Hold a portion; whether that is too much."""
        self._chunks.append(data)
        self._held += len(data)
        self.wake()
        return self._held > _HIGH

    def end(self) -> None:
        self._ended = True
        self.wake()

    @property
    def ended(self) -> bool:
        """Whether the whole body has come."""
        return self._ended

    @property
    def unread(self) -> bool:
        """Whether something has come that the reader hasn't taken."""
        return bool(self._chunks)


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, owner: Owner, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.closed = False
        self.kept_at = 0.0
        """When it was put aside, by the loop's clock."""
        self._owner = owner
        self._parser: Any = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._reply: WireReply | None = None
        self._bodyless = False
        self._framed = False  # the end of the body is told by its length or its chunks
        self._uploading = False
        self._keeps = False  # the reply is complete, and another may follow on this connection
        self._unparsed = 0  # bytes since the parser last gave a head or a part of a body
        self._began = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._deadline: Deadline | None = None
        self._may_write: asyncio.Future[None] | None = None

    # one exchange

    def begin(self, head: bytes, body: bytes, bodyless: bool, deadline: Deadline, uploads: bool) -> WireReply:
        """Send a request whose body is at hand, or with `uploads`, follows by `upload`."""
        reply = self._reply = WireReply(self)
        self._bodyless, self._uploading = bodyless, uploads
        self._framed, self._unparsed = False, 0
        self._deadline = deadline
        self._began = self.loop.time()
        self._look()
        if self._reply is reply:
            self._transport.write(head + body if len(body) < 65536 else head)
            if len(body) >= 65536:
                self._transport.write(body)
        return reply

    async def upload(self, reply: WireReply, more: AsyncIterator[bytes]) -> None:
        """Send the rest of a body, as fast as the other side takes it; once it has answered, nothing more."""
        async for piece in more:
            if self.closed or self._reply is not reply or reply.status:
                continue  # the client may not look for an answer before it has sent everything
            self._transport.write(piece)
            if self._may_write is not None:
                await self._may_write
        if self._reply is reply and not reply.status:
            self._uploading = False

    @property
    def was_dead(self) -> bool:
        """Whether the other side had closed before it could take the request, as it's over without an answer."""
        return self._unparsed == 0 and self.loop.time() - self._began < _AT_ONCE

    def drop(self, reply: WireReply) -> None:
        """The reader has gone: a connection with an answer still on its way is of no use any more."""
        if self._reply is reply:
            self._reply = None
            self._unwatch()
            self._transport.abort()

    def resume(self) -> None:
        if not self.closed:
            self._transport.resume_reading()

    def abort(self) -> None:
        self._transport.abort()

    def _look(self) -> None:
        """See whether a time limit has run out. It is not silence when the reader is the slow one."""
        deadline, reply = self._deadline, self._reply
        assert deadline is not None
        assert reply is not None
        if reply.unread:
            deadline.alive()
        try:
            left = deadline.remaining()
        except LlmctlError as error:
            self._fail(error)
            return
        self._watch = self.loop.call_later(min(left, _step(deadline)), self._look)

    def _unwatch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _fail(self, error: LlmctlError) -> None:
        reply, self._reply = self._reply, None
        self._unwatch()
        if reply is not None:
            reply.fail(error)
        self._transport.abort()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        reply = self._reply
        if reply is None:
            self._transport.abort()  # nobody asked
            return
        if self._unparsed > _MAX_HEAD:
            self._endless(reply)
            return
        self._unparsed += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._garbled(error)
            return
        if self._keeps:
            self._keeps = False
            self._owner.keep(self)

    def _garbled(self, error: Exception) -> None:
        """What came is no HTTP, or nothing that was asked for."""
        status = self._parser.get_status_code()
        reason = "101 Switching Protocols, unasked" if status == 101 else str(error)
        failure: LlmctlError = wrong_http(self._owner.peer, reason) if status else not_http(self._owner.peer)
        if self._reply is not None and self._reply.status:
            failure = StreamBroken(f"the reply broke off: what follows is no HTTP ({reason})")
        failure.__cause__ = error
        self._fail(failure)

    def _endless(self, reply: WireReply) -> None:
        """What came is only a head, a trailer or the head of a chunk: httptools joins it in quadratic time."""
        if reply.status:
            self._fail(StreamBroken(f"the reply broke off: {_MAX_HEAD >> 10} KiB without a part of its body"))
        else:
            self._fail(NotUnderstood(f"{self._owner.peer} sends headers of more than {_MAX_HEAD >> 10} KiB"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._owner.forget(self)
        self.resume_writing()
        reply = self._reply
        if reply is None:
            return
        if reply.status >= 200 and not self._framed and exc is None:
            self._reply = None
            self._unwatch()
            reply.end()  # a body without a length ends with its connection
        elif reply.status >= 200:
            self._fail(StreamBroken("the connection broke off in the middle of the reply"))
        else:
            self._fail(NetworkError(f"{self._owner.peer} closed the connection without an answer"))

    def pause_writing(self) -> None:
        self._may_write = self.loop.create_future()

    def resume_writing(self) -> None:
        waiting, self._may_write = self._may_write, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    # the parser's side

    def on_message_begin(self) -> None:
        if self._reply is None:
            raise ValueError("a second reply")  # the next request would get the rest of it for its own

    def on_header(self, name: bytes, value: bytes) -> None:
        reply = self._reply
        if reply is None or reply.status:
            return  # a trailer
        name = name.lower()
        if name == b"content-length" or (name == b"transfer-encoding" and b"chunked" in value.lower()):
            self._framed = True
        reply.headers.append((name, value))

    def on_headers_complete(self) -> None:
        reply = self._reply
        if reply is None:
            return
        status = self._parser.get_status_code()
        if status < 200:
            reply.headers.clear()
            self._framed = False
            return
        reply.status = status
        self._unparsed = 0
        if self._bodyless or status in (204, 304):
            self._framed = True
            self._complete()
            return
        reply.wake()

    def on_body(self, data: bytes) -> None:
        self._unparsed = 0
        reply = self._reply
        if reply is not None and reply.body(data):
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._reply is not None and self._reply.status >= 200:
            self._complete()

    def _complete(self) -> None:
        reply, self._reply = self._reply, None
        assert reply is not None
        self._unwatch()
        reply.end()
        if self._uploading:
            self._transport.abort()  # the other side waits for the rest of a body
        elif self._parser.should_keep_alive() and self._framed and not self._bodyless:
            self._transport.resume_reading()
            self._keeps = True
        else:
            self._transport.close()


def _step(deadline: Deadline) -> float:
    """Seconds between two looks at the limits: fine enough for the shortest of them."""
    limits = deadline.limits
    return min(max(min(limits.connect, limits.first_token, limits.idle, limits.total) / 4, 0.02), 5.0)
