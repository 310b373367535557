"""The asyncio transport, on httpx. The only file that imports it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from llmctl.client.deadline import Deadline
from llmctl.client.failures import connect_failure, not_http
from llmctl.client.tls import make_context
from llmctl.client.transport import HttpReply
from llmctl.config.target import Tls
from llmctl.core.proxies import choose_proxy
from llmctl.core.requests import HttpRequest, Upload
from llmctl.errors import ConfigError, NetworkError, ProxyFailed, StreamBroken


class HttpxTransport:
    """Keeps connections alive between requests, one pool a proxy. Timeouts are the Deadline's."""

    def __init__(self, tls: Tls, proxy: str | None, env: Mapping[str, str]) -> None:
        self._tls = tls
        self._proxy = proxy
        self._env = env
        self._clients: dict[tuple[str | None, bool], httpx.AsyncClient] = {}

    async def send(self, request: HttpRequest, deadline: Deadline) -> HttpReply:
        proxy = choose_proxy(request.url, self._proxy, self._env)
        client = self._client(request.url, proxy)
        with _translated(request.url, proxy):
            wire = _wire(request)
            deadline.connecting(urlsplit(request.url).netloc)
            # anyio leaves a socket open when it is cancelled in a handshake, so httpcore's own timer is first
            wire.extensions["timeout"] = {
                "connect": deadline.remaining(),
                "read": None,
                "write": None,
                "pool": None,
            }
            try:
                async with asyncio.timeout(deadline.remaining() + 0.05) as limit:
                    wire.extensions["trace"] = _until_sent(deadline, limit)
                    response = await client.send(wire, stream=True)
            except (TimeoutError, httpx.ConnectTimeout) as error:
                raise deadline.error() from error
        return HttpReply(
            response.status_code, dict(response.headers), _chunks(response, deadline), response.aclose
        )

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    def _client(self, url: str, proxy: str | None) -> httpx.AsyncClient:
        secure = url.startswith("https") or (proxy or "").startswith("https")
        client = self._clients.get((proxy, secure))
        if client is None:
            # building a real context takes 25 ms, and plain http never looks at it
            context = make_context(self._tls, self._env) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            try:
                client = httpx.AsyncClient(
                    verify=context,
                    proxy=httpx.Proxy(proxy, ssl_context=context if proxy.startswith("https") else None)
                    if proxy
                    else None,
                    trust_env=False,
                    timeout=None,  # noqa: S113 - the Deadline's limits hold
                )
            except ImportError as error:
                raise ConfigError(
                    "a SOCKS proxy needs one more package", hint="pip install 'llmctl[socks]'"
                ) from error
            self._clients[proxy, secure] = client
        return client


def _wire(request: HttpRequest) -> httpx.Request:
    headers, content = dict(request.headers), request.body
    if request.upload is None:
        return httpx.Request(request.method, request.url, headers=headers, content=content)
    headers["content-length"] = str(request.upload.size)
    return httpx.Request(request.method, request.url, headers=headers, content=_portions(request.upload))


async def _portions(upload: Upload) -> AsyncGenerator[bytes, None]:
    for chunk in upload.chunks():
        yield chunk


def _until_sent(deadline: Deadline, limit: asyncio.Timeout) -> Callable[[str, dict[str, Any]], Awaitable[None]]:
    """A trace for httpcore: connecting, a proxy's tunnel and TLS included, ends when the request goes out."""

    async def trace(event: str, info: dict[str, Any]) -> None:
        if event.endswith("send_request_headers.started") and info["request"].method != b"CONNECT":
            deadline.connected()
            limit.reschedule(asyncio.get_running_loop().time() + deadline.remaining())

    return trace


@contextlib.contextmanager
def _translated(url: str, proxy: str | None) -> Iterator[None]:
    address = urlsplit(url).netloc
    try:
        yield
    except (httpx.InvalidURL, UnicodeError) as error:
        raise connect_failure(socket.gaierror(), address) from error
    except httpx.ProxyError as error:
        raise ProxyFailed(f"the proxy refused the connection to {address}: {error}") from error
    except httpx.ConnectError as error:
        named = f"the proxy {urlsplit(proxy).hostname}" if proxy else address
        raise connect_failure(_root(error), named, proxied=bool(proxy)) from error
    except httpx.RemoteProtocolError as error:
        if "disconnected" in str(error):  # h11 tells the two apart in words only
            raise NetworkError(f"{address} closed the connection without an answer") from error
        raise not_http(address) from error
    except (httpx.TransportError, OSError) as error:
        root = _root(error)
        if isinstance(root, ssl.SSLError):  # TLS 1.3 refuses a client after its handshake
            raise connect_failure(root, address) from error
        raise NetworkError(f"{address} closed the connection without an answer") from error


def _root(error: BaseException) -> BaseException:
    """The operating system's error under httpx's, httpcore's and anyio's."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    if isinstance(error, BaseExceptionGroup):
        return error.exceptions[0]
    return error


async def _chunks(response: httpx.Response, deadline: Deadline) -> AsyncGenerator[bytes, None]:
    pieces = aiter(response.aiter_raw())
    while True:
        try:
            async with asyncio.timeout(deadline.remaining()):
                chunk = await anext(pieces)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise deadline.error() from error
        except (httpx.TransportError, httpx.StreamError, OSError) as error:
            raise StreamBroken("the connection broke off in the middle of the reply") from error
        deadline.alive()
        yield chunk
