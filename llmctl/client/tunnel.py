"""HTTP/1.1 to one origin through a proxy: HTTP and HTTPS proxies, and SOCKS 5."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator
from urllib.parse import unquote, urlsplit

from llmctl.client.connection import Connection, WireReply
from llmctl.client.deadline import Deadline
from llmctl.client.failures import connect_failure
from llmctl.client.handshakes import Refused, ascii_name, basic, http_connect, socks_connect
from llmctl.client.tls import make_context
from llmctl.client.wire import Wire
from llmctl.config.target import Tls
from llmctl.errors import ProxyFailed

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_DEFAULT_PORT = 80


class TunnelWire(Wire):
    """The connections to one origin behind a proxy.

    To https, and through SOCKS, the proxy only carries bytes. A request to http goes to an HTTP proxy with the
    whole address in its first line.
    """

    def __init__(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        proxy: str,
        proxy_tls: ssl.SSLContext | None = None,
    ) -> None:
        """`proxy` is a URL as core.proxies checks it; `proxy_tls` is for one that is https, else `tls` is taken.

        Raises ConfigError where certificates can't be read.
        """
        super().__init__(host, port, tls)
        parts = urlsplit(proxy)
        self._named = f"the proxy {parts.hostname}"
        self._place = (parts.hostname or "", parts.port or _PORTS[parts.scheme])
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._socks = parts.scheme.startswith("socks")
        self._resolves = parts.scheme == "socks5"
        self._forwards = not self._socks and tls is None
        self.way = f"{self.address} through {self._named}"
        if self._forwards:
            self.peer = self.way = self._named
        self._proxy_tls = None
        if parts.scheme == "https":
            self._proxy_tls = proxy_tls or tls or make_context(Tls(), os.environ)
        self._extra = b"proxy-authorization: %b\r\n" % basic(self._login) if self._login else b""

    async def send(
        self,
        head: bytes,
        body: bytes,
        deadline: Deadline,
        bodyless: bool = False,
        more: AsyncIterator[bytes] | None = None,
    ) -> WireReply:
        """As Wire does. Raises ProxyFailed too."""
        if not self._forwards:
            return await super().send(head, body, deadline, bodyless, more)
        method, _, rest = head.partition(b" ")
        line, _, lines = rest.partition(b"\r\n")
        head = b"%b http://%b%b\r\n%b%b" % (method, self._origin(), line, self._extra, lines)
        reply = await super().send(head, body, deadline, bodyless, more)
        if reply.status == 407:
            await reply.close()
            raise self._refusal("407 Proxy Authentication Required")
        return reply

    def _origin(self) -> bytes:
        """As URLs have it. Raises DnsFailed for what can be no name."""
        try:
            name = ascii_name(self._host)
        except UnicodeError as error:
            raise connect_failure(socket.gaierror(), self.address) from error
        return (name if self._port == _DEFAULT_PORT else f"{name}:{self._port}").encode()

    async def _open(self, loop: asyncio.AbstractEventLoop) -> Connection:
        if self._forwards:
            connection = Connection(self, loop)
            await self._reach(loop, connection)
            return connection
        refused = Refused()
        for place in await self._places(loop):
            try:
                return await self._through(loop, place)
            except Refused as error:
                refused = error
        raise self._refusal(str(refused)) from refused

    async def _places(self, loop: asyncio.AbstractEventLoop) -> list[tuple[str, int]]:
        """What the proxy is asked for: the origin, or each of its addresses where names are resolved here."""
        if not self._resolves:
            return [(self._host, self._port)]
        found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        return [(str(address[0]), self._port) for *_, address in found]

    async def _through(self, loop: asyncio.AbstractEventLoop, place: tuple[str, int]) -> Connection:
        """A connection to the place. Raises Refused."""
        reader = asyncio.StreamReader(loop=loop)
        transport = await self._reach(loop, asyncio.StreamReaderProtocol(reader, loop=loop))
        try:
            await self._ask(reader, transport, place)
            connection = Connection(self, loop)
            connection.connection_made(transport)
            if self._tls is None:
                transport.set_protocol(connection)
                return connection
            secure = await loop.start_tls(transport, connection, self._tls, server_hostname=self._host)
            assert secure is not None
            connection.connection_made(secure)
        except BaseException:
            transport.abort()
            raise
        return connection

    async def _reach(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.BaseProtocol) -> asyncio.Transport:
        """Connect the protocol to the proxy itself."""
        try:
            transport, _ = await loop.create_connection(lambda: protocol, *self._place, ssl=self._proxy_tls)
        except TimeoutError:
            raise  # the deadline's word is better
        except UnicodeError as error:
            raise connect_failure(socket.gaierror(), self._named, proxied=True) from error
        except OSError as error:
            raise connect_failure(error, self._named, proxied=True) from error
        return transport

    async def _ask(
        self, reader: asyncio.StreamReader, transport: asyncio.Transport, place: tuple[str, int]
    ) -> None:
        """Have the proxy connect. Raises Refused."""
        ask = socks_connect if self._socks else http_connect
        try:
            await ask(reader, transport.write, place, self._login)
        except asyncio.LimitOverrunError as error:
            raise Refused("its answer has no end") from error
        except asyncio.IncompleteReadError as error:
            raise self._gone() from error
        except TimeoutError:
            raise
        except OSError as error:
            raise connect_failure(error, self._named, proxied=True) from error
        if reader.at_eof():
            raise self._gone()

    def _gone(self) -> ProxyFailed:
        return ProxyFailed(f"{self._named} closed the connection without an answer")

    def _refusal(self, reason: str) -> ProxyFailed:
        return ProxyFailed(f"{self._named} refused the connection to {self.address}: {reason}")
