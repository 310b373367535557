"""Bodies that were compressed although nobody asked for that."""

from __future__ import annotations

import zlib

from llmctl.client.wire import Headers
from llmctl.errors import NotUnderstood
from llmctl.gateway.headers import find
from llmctl.gateway.upstream import Reply

_PIECE = 1024 * 1024


def is_plain(headers: Headers) -> bool:
    """Whether a body is not compressed."""
    encoding = find(headers, b"content-encoding")
    return encoding is None or encoding.strip().lower() in (b"", b"identity")


class Inflated:
    """A reply without its compression: gzip or deflate."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self.status = reply.status
        self.headers = [pair for pair in reply.headers if pair[0] not in (b"content-encoding", b"content-length")]

    async def read(self) -> bytes:
        """At most a megabyte at a time, so that a bomb meets the limits. Raises NotUnderstood too."""
        held = self._inflater.unconsumed_tail
        while True:
            data = held or await self._reply.read()
            if not data:
                return b""
            try:
                plain = self._inflater.decompress(data, _PIECE)
            except zlib.error as error:
                raise NotUnderstood("the reply is compressed in a way that was not asked for") from error
            if plain:
                return plain
            held = self._inflater.unconsumed_tail

    async def close(self) -> None:
        await self._reply.close()

    def nudge(self) -> None:
        self._reply.nudge()

    @property
    def ended(self) -> bool:
        """Whether the whole body has come, and is inflated."""
        return self._reply.ended and not self._inflater.unconsumed_tail
