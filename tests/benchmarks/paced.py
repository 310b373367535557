"""An upstream whose streams keep a beat: `python paced.py`; prints its port.

A POST to /CHUNKS/MS/CUT/... is answered with so many events, one every MS milliseconds, each with its number
as its text. A CUT above 0 ends the connection after as many events.
"""

from __future__ import annotations

import asyncio
import re
from typing import cast

import uvloop

CHUNK = (
    'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m",'
    '"system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":" %d"},"logprobs":null,'
    '"finish_reason":null}],"usage":null}\n\n'
)
STOP = (
    'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m",'
    '"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}\n\n'
)
USAGE = (
    'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],'
    '"usage":{"prompt_tokens":12,"completion_tokens":9,"total_tokens":21}}\n\n'
)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_WISH = re.compile(rb"POST /(\d+)/(\d+)/(\d+)/")


def framed(event: str) -> bytes:
    """One chunk of the body."""
    return b"%x\r\n%b\r\n" % (len(event), event.encode())


CHUNKS = [framed(CHUNK % number) for number in range(1000)]
END = framed(STOP + USAGE + "data: [DONE]\n\n") + b"0\r\n\r\n"


class Paced(asyncio.Protocol):
    """One connection, which may ask again once it has its answer."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._timer: asyncio.TimerHandle | None = None
        self._count = self._sent = self._cut = 0
        self._began = self._pause = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are not derived from it

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, _, body = self._received.partition(b"\r\n\r\n")
        length, wish = _LENGTH.search(head), _WISH.match(head)
        if not length or not wish or len(body) < int(length[1]):
            return
        self._received = b""
        self._count, milliseconds, self._cut = (int(group) for group in wish.groups())
        self._pause = milliseconds / 1000
        self._sent, self._began = 0, self._loop.time()
        self.transport.write(HEAD)
        self._next()

    def _next(self) -> None:
        if self._sent == self._count:
            self.transport.write(END)
            return
        if self._cut and self._sent == self._cut:
            self.transport.close()
            return
        self.transport.write(CHUNKS[self._sent])
        self._sent += 1
        self._timer = self._loop.call_at(self._began + self._sent * self._pause, self._next)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Paced, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
