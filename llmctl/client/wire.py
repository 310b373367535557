"""HTTP/1.1 to one origin, for the gateway: connections that are kept, and nothing on top of the parser.

A protocol on httptools takes a sixth of the CPU of a client library's request (DESIGN.md). What a
library does beyond that, the gateway doesn't want: redirects, cookies, decompression. Proxies are in
tunnel.py.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator

from llmctl.client.connection import Connection, Headers, WireReply
from llmctl.client.deadline import Deadline
from llmctl.client.failures import connect_failure
from llmctl.errors import NetworkError

__all__ = ["Headers", "Wire", "WireReply"]

_IDLE_MOST = 256
"""Connections of one origin that are kept for later."""
_IDLE_SECONDS = 55.0
"""How long they are kept: most balancers close after 60 s, and some forget a connection without a word."""


class Wire:
    """The connections to one origin. `tls` is None for plain http.

    `peer` is who answers on them, and `way` what is connected to, as people know it: behind a proxy
    neither need be the origin.
    """

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.address = self.peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.way = self.address
        self._host, self._port, self._tls = host, port, tls
        self._idle: list[Connection] = []
        self._ended = False

    async def send(
        self,
        head: bytes,
        body: bytes,
        deadline: Deadline,
        bodyless: bool = False,
        more: AsyncIterator[bytes] | None = None,
    ) -> WireReply:
        """Send a request, and wait for the headers of its reply. `more` gives what follows of its body.

        Raises NetworkError, NotUnderstood and TimedOut.
        """
        uploads = more is not None
        kept = self._take() if not uploads else None  # an upload can't be sent again, should it be a dead one
        while True:
            connection = kept or await self._connect(deadline)
            reply = connection.begin(head, body, bodyless, deadline, uploads)
            try:
                if more is not None:
                    await connection.upload(reply, more)
                await reply.head()
            except BaseException as error:
                connection.drop(reply)
                if kept is None or not isinstance(error, NetworkError) or not connection.was_dead:
                    raise  # who took a request may have carried it out: to ask again is the retry policy's
                kept = None  # it had been closed while it was idle; once more, on a new one
            else:
                return reply

    def _take(self) -> Connection | None:
        """The connection that was used last, of those that wait for use."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed and connection.loop.time() - connection.kept_at < _IDLE_SECONDS:
                return connection
            connection.abort()
        return None

    async def _connect(self, deadline: Deadline) -> Connection:
        loop = asyncio.get_running_loop()
        deadline.connecting(self.way)
        try:
            async with asyncio.timeout(deadline.remaining()):
                connection = await self._open(loop)
        except TimeoutError as error:
            raise deadline.error() from error
        except UnicodeError as error:  # a name that can't be one
            raise connect_failure(socket.gaierror(), self.address) from error
        except OSError as error:
            raise connect_failure(error, self.address) from error
        deadline.connected()
        return connection

    async def _open(self, loop: asyncio.AbstractEventLoop) -> Connection:
        """Connect. Raises OSError."""
        _, connection = await loop.create_connection(
            lambda: Connection(self, loop), self._host, self._port, ssl=self._tls
        )
        return connection

    def keep(self, connection: Connection) -> None:
        """Called by a connection whose reply is complete."""
        idle = self._idle
        now = connection.kept_at = connection.loop.time()
        while idle and now - idle[0].kept_at >= _IDLE_SECONDS:
            idle.pop(0).abort()
        if len(idle) < _IDLE_MOST and not connection.closed and not self._ended:
            idle.append(connection)
        else:
            connection.abort()

    def forget(self, connection: Connection) -> None:
        """Called by a connection that is closed."""
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Close what is idle; running requests end by themselves."""
        self._ended = True
        for connection in [*self._idle]:
            connection.abort()
