"""A transport without an event loop, on the standard library's http.client.

One-shot commands pay for start-up on every run: http.client costs about 30 ms CPU to import, httpx
70 to 110, asyncio 45 more. The methods are coroutines that never suspend; `drive` runs them.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import http.client
import io
import select
import socket
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from typing import Any, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from llmctl.client.deadline import Deadline
from llmctl.client.failures import connect_failure, not_http
from llmctl.client.transport import HttpReply
from llmctl.config.target import Tls
from llmctl.core.proxies import choose_proxy
from llmctl.core.requests import HttpRequest
from llmctl.errors import NetworkError, ProxyFailed, StreamBroken

T = TypeVar("T")


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, as all do that wait on a BlockingTransport only."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    coroutine.close()
    raise RuntimeError("a blocking call tried to suspend")


SLICE = 0.25
"""Seconds of waiting after which Python looks for signals."""


def can_serve(proxy: str | None) -> bool:
    """Whether this transport speaks the proxy's protocol; for the others there is httpx."""
    return proxy is None or proxy.startswith("http://")


class _Limited(io.RawIOBase):
    """Reads a socket within a deadline: each read may take what is left, however slowly bytes trickle in."""

    def __init__(self, sock: socket.socket, deadline: Deadline, on_wait: Callable[[], None] | None) -> None:
        self._on_wait = on_wait
        self._sock = sock
        self._deadline = deadline
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if not getattr(self._sock, "pending", int)() and not _readable(self._sock, 0):
            if self._on_wait:
                self._on_wait()
            # Not one long wait: a Ctrl-C that comes just before the call would be noticed at its end only.
            while self._deadline.remaining() > SLICE and not _readable(self._sock, SLICE):
                if self._on_wait:
                    self._on_wait()
        self._sock.settimeout(self._deadline.remaining())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _readable(sock: socket.socket, seconds: float) -> bool:
    return bool(select.select([sock], [], [], seconds)[0])


class _Response(http.client.HTTPResponse):
    """Reads within a deadline, and passes over interim replies such as 103 (http.client knows only 100)."""

    def __init__(self, sock: socket.socket, limit: Callable[[socket.socket], _Limited], **options: Any) -> None:
        super().__init__(sock, **options)
        self.fp.close()
        self.fp = io.BufferedReader(limit(sock))

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]  # not in typeshed
            if not 100 < status < 200 or status == 101:
                return version, status, reason
            http.client.parse_headers(self.fp)


class BlockingTransport:
    """One connection a request. `env` is where proxies and certificate paths are looked up.

    `on_wait` is called before a read that would block, and every SLICE while it does: the time to show, and to
    keep, what has come so far.
    """

    def __init__(
        self, tls: Tls, proxy: str | None, env: Mapping[str, str], on_wait: Callable[[], None] | None = None
    ) -> None:
        self._on_wait = on_wait
        self._tls = tls
        self._proxy = proxy
        self._env = env
        self._open: set[Callable[[], None]] = set()

    async def send(self, request: HttpRequest, deadline: Deadline) -> HttpReply:
        parts = urlsplit(request.url)
        proxy = choose_proxy(request.url, self._proxy, self._env)
        connection, target, extra = self._prepare(parts, proxy)
        readers: list[_Limited] = []  # what holds the socket open when there is no reply to close

        def limit(sock: socket.socket) -> _Limited:
            readers.append(_Limited(sock, deadline, self._on_wait))
            return readers[-1]

        connection.response_class = functools.partial(_Response, limit=limit)  # type: ignore[assignment]
        try:
            _connect(connection, parts, proxy, deadline)
            assert connection.sock is not None
            sock = connection.sock
            sock.settimeout(deadline.remaining())
            _write(connection, request, target, extra, deadline)
            response = connection.getresponse()
        except BaseException as error:
            connection.close()
            for reader in readers:
                reader.close()
            if isinstance(error, TimeoutError):
                raise deadline.error() from error
            if isinstance(error, http.client.HTTPException | OSError):
                raise _exchange_failure(error, parts) from error
            raise
        headers = {name.lower(): value for name, value in response.headers.items()}

        def release() -> None:
            response.close()
            connection.close()
            self._open.discard(release)

        async def close() -> None:
            release()

        self._open.add(release)
        return HttpReply(response.status, headers, _chunks(response, deadline), close)

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def close(self) -> None:
        """Hang up on replies that nobody has read to the end."""
        for release in list(self._open):
            release()

    def _prepare(
        self, parts: SplitResult, proxy: str | None
    ) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
        """A connection not yet opened, the request target, and headers for the proxy."""
        host, port = parts.hostname or "", parts.port
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        tunnel: dict[str, str] = {}
        via = urlsplit(proxy) if proxy else None
        if via and via.username:
            token = f"{unquote(via.username)}:{unquote(via.password or '')}".encode()
            tunnel = {"Proxy-Authorization": f"Basic {base64.b64encode(token).decode()}"}
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            from llmctl.client.tls import make_context

            context = make_context(self._tls, self._env)
            first = (via.hostname or "", via.port or 80) if via else (host, port or 443)
            connection = http.client.HTTPSConnection(*first, context=context)
            if via:
                connection.set_tunnel(host, port or 443, tunnel)
            return connection, path, {}
        if via:
            connection = http.client.HTTPConnection(via.hostname or "", via.port or 80)
            return connection, f"http://{parts.netloc}{path}", tunnel
        return http.client.HTTPConnection(host, port or 80), path, {}


def _connect(
    connection: http.client.HTTPConnection, parts: SplitResult, proxy: str | None, deadline: Deadline
) -> None:
    address = parts.netloc if not proxy else f"the proxy {urlsplit(proxy).hostname}"
    deadline.connecting(address)
    connection.timeout = deadline.remaining()
    try:
        connection.connect()
    except TimeoutError as error:
        raise deadline.error() from error
    except OSError as error:
        if proxy and type(error) is OSError and "Tunnel" in str(error):  # http.client says it in words only
            raise ProxyFailed(f"the proxy refused the connection to {parts.netloc}: {error}") from error
        raise connect_failure(error, address, proxied=bool(proxy)) from error
    except UnicodeError as error:
        raise connect_failure(socket.gaierror(), address) from error
    except http.client.HTTPException as error:
        raise not_http(address) from error
    deadline.connected()
    assert connection.sock is not None
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _write(
    connection: http.client.HTTPConnection,
    request: HttpRequest,
    target: str,
    extra: Mapping[str, str],
    deadline: Deadline,
) -> None:
    connection.putrequest(request.method, target, skip_accept_encoding=True)
    for name, value in {**request.headers, **extra}.items():
        connection.putheader(name, value)
    size = request.upload.size if request.upload else None if request.body is None else len(request.body)
    if size is not None:
        connection.putheader("content-length", str(size))
    # The server may have answered, and closed, before it read everything: that answer counts.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.endheaders(request.body)
        for chunk in request.upload.chunks() if request.upload else ():
            connection.sock.settimeout(deadline.remaining())
            connection.send(chunk)


def _exchange_failure(error: Exception, parts: SplitResult) -> NetworkError | Exception:
    if isinstance(error, ConnectionError | http.client.RemoteDisconnected):
        return NetworkError(f"{parts.netloc} closed the connection without an answer")
    if isinstance(error, http.client.HTTPException):
        return not_http(parts.netloc)
    return NetworkError(f"the connection to {parts.netloc} failed: {error}")


async def _chunks(response: http.client.HTTPResponse, deadline: Deadline) -> AsyncGenerator[bytes, None]:
    """The body as it comes. http.client does not notice a body shorter than announced: we do."""
    left = response.length  # None when chunked, or when the end of the connection ends the body
    try:
        while left is None or left > 0:
            data = response.read1(65536 if left is None else min(65536, left))
            if not data:
                break
            deadline.alive()
            left = None if left is None else left - len(data)
            yield data
        if left:
            raise StreamBroken("the connection closed before the reply was complete")
    except TimeoutError as error:
        raise deadline.error() from error
    except (http.client.HTTPException, OSError, ValueError) as error:
        raise StreamBroken(f"the connection broke off in the middle of the reply ({_cause(error)})") from error


def _cause(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "incomplete" if isinstance(error, http.client.IncompleteRead) else type(error).__name__
