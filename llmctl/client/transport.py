"""What a transport is: one request in, status, headers and an iterator of bytes out.

Adapters: blocking.py (http.client, for one-shot commands) and httpx_transport.py (asyncio).
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from llmctl.client.deadline import Deadline
from llmctl.core.requests import HttpRequest
from llmctl.errors import NotUnderstood, StreamBroken

MAX_BODY = 256 * 1024 * 1024
"""Bytes of a whole reply at the most."""

_PIECE = 1024 * 1024


@dataclass
class HttpReply:
    """A reply whose headers have come. Header names are in lower case. `release` gives up the connection."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncGenerator[bytes, None]
    release: Callable[[], Awaitable[None]]

    async def close(self) -> None:
        """Stop reading; the other side notices when it wasn't done."""
        await self.chunks.aclose()
        await self.release()


class Transport(Protocol):
    """Raises our NetworkError and TimedOut errors only; a body that breaks off raises StreamBroken."""

    async def send(self, request: HttpRequest, deadline: Deadline) -> HttpReply:
        """Send the request and wait for the headers."""

    async def sleep(self, seconds: float) -> None:
        """Let time pass, in the way that fits how the transport waits."""

    async def close(self) -> None:
        """Give all connections back."""


async def read_body(reply: HttpReply, most: int = MAX_BODY) -> bytes:
    """The whole body, decompressed. Raises NotUnderstood above `most` bytes."""
    async with aclosing(decoded(reply)) as chunks:
        return await collect(chunks, most)


async def collect(chunks: AsyncGenerator[bytes, None], most: int) -> bytes:
    """All chunks together. Raises NotUnderstood above `most` bytes."""
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > most:
            raise NotUnderstood(f"the reply is larger than {most} bytes")
    return b"".join(parts)


async def read_error_body(reply: HttpReply) -> bytes:
    """What can be had of an error's body: a broken one is better than none."""
    parts: list[bytes] = []
    size = 0
    try:
        async for chunk in decoded(reply):
            parts.append(chunk)
            size += len(chunk)
            if size > _PIECE:
                break
    except (StreamBroken, NotUnderstood):
        pass
    return b"".join(parts)


async def decoded(reply: HttpReply) -> AsyncGenerator[bytes, None]:
    """The body's chunks without gzip or deflate, which some servers send unasked."""
    encoding = reply.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        async for chunk in reply.chunks:
            yield chunk
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise NotUnderstood(f"the reply is compressed with {encoding}, which was not asked for")
    inflate = _gunzip if encoding != "deflate" else _inflate
    try:
        async with aclosing(inflate(reply.chunks)) as pieces:
            async for piece in pieces:
                yield piece
    except zlib.error as error:
        raise NotUnderstood(f"the reply is not valid {encoding}") from error


async def _gunzip(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
    async for chunk in chunks:
        for piece in _pieces(inflater, chunk):
            yield piece


async def _inflate(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """deflate: with zlib's header, or bare as some servers send it."""
    inflater = None
    async for chunk in chunks:
        if inflater is None and chunk:
            headed = chunk[0] & 0x0F == 8 and chunk[0] >> 4 <= 7
            inflater = zlib.decompressobj(zlib.MAX_WBITS if headed else -zlib.MAX_WBITS)
        if inflater:
            for piece in _pieces(inflater, chunk):
                yield piece


def _pieces(inflater: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """What the data inflates to, a megabyte at a time, so that a bomb meets the size limits."""
    while data:
        piece = inflater.decompress(data, _PIECE)
        data = inflater.unconsumed_tail
        if piece:
            yield piece
