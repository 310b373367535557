"""Uvicorn's HTTP protocol, with limits for headers and for clients that are slow, and word of those that leave."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from llmctl.client.wire import Headers

MAX_HEAD = 64 * 1024
MAX_HEADERS = 200
_TLS = b"\x16\x03"
"""How a TLS handshake begins."""


class ServerProtocol(HttpToolsProtocol):
    """One connection. `serving` is the task of the request that runs; a client that leaves cancels it."""

    serving: asyncio.Task[None] | None = None
    waiting_since: float | None = None
    """When a client that owes us something was last heard, by the loop's clock."""
    unread_since: float | None = None
    """Since when the client leaves its answer unread."""
    _head_size = 0
    _first = b""
    _chunked = False
    _headless = False
    _running: RequestResponseCycle
    task: asyncio.Task[None]
    """Of the request that was begun last."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.waiting_since = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        serving, self.serving = self.serving, None
        for cycle in (getattr(self, "_running", None), *(queued for queued, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True  # uvicorn marks only the one that came last
        self.pipeline.clear()
        super().connection_lost(exc)
        if serving is not None:
            serving.cancel()

    def data_received(self, data: bytes) -> None:
        self._first = data[:2]
        try:
            super().data_received(data)
        except (AttributeError, ValueError):
            if self.parser is not None:  # else: closed while a part of the data was still to be read
                raise

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["llmctl"] = self  # type: ignore[typeddict-unknown-key]
        self.waiting_since = self.loop.time()
        self._head_size = 0

    def on_headers_complete(self) -> None:
        if not self.url.startswith(b"/") and self.url != b"*":
            raise ValueError("a request for another host")  # its Host would not be the one that counts
        if self.parser.get_http_version() == "1.1" and not any(name == b"host" for name, _ in self.headers):
            raise ValueError("no Host")
        super().on_headers_complete()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._measure(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._measure(len(name) + len(value))

    def on_body(self, body: bytes) -> None:
        self.waiting_since = self.loop.time()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.waiting_since = None
        super().on_message_complete()

    def pause_writing(self) -> None:
        self.unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self.unread_since = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        if self._head_size < 0:
            self._refuse(431, "the headers of the request are too large")
        elif self._first == _TLS:
            self._refuse(400, "this port speaks http; https:// was asked for")
        else:
            self._refuse(400, "the request is not HTTP/1.1 with a Host and a path")

    # answers, without ASGI's messages: one write for a whole one, and nothing that was checked is checked again

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        self.task = task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def start(self, status: int, headers: Headers, body: bytes | None = None) -> None:
        """Send the status and headers, and the body where it is at hand: else `part` and `finish` follow."""
        cycle = self._running
        if cycle.disconnected or cycle.response_started:
            return
        cycle.response_started = True
        lines = [STATUS_LINE[status]]
        framed = status in (204, 304)
        for name, value in headers:
            if name == b"connection":
                cycle.keep_alive = False  # we say nothing else there but close
                continue
            framed = framed or name == b"content-length"
            lines += (name, b": ", value, b"\r\n")
        if body is not None and status != 204:
            lines.append(b"content-length: %d\r\n" % len(body))
        self._chunked = False
        if not framed and body is None:
            self._chunk(cycle, lines)
        lines.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
        self._headless = cycle.scope["method"] == "HEAD"
        if body is not None and not self._headless:
            lines.append(body)
        self.transport.write(b"".join(lines))
        if body is not None:
            self._complete(cycle)

    def _chunk(self, cycle: RequestResponseCycle, lines: list[bytes]) -> None:
        """The length isn't known: chunks, which HTTP/1.0 has not."""
        if cycle.scope["http_version"] == "1.1":
            self._chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")
        else:
            cycle.keep_alive = False

    async def part(self, data: bytes) -> None:
        """Send a part of the body, once the client has read enough of what came before."""
        if self.flow.write_paused:
            await self.flow.drain()
        cycle = self._running
        if cycle.disconnected or self._headless:
            return
        self.transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def finish(self) -> None:
        """The body is complete."""
        cycle = self._running
        if cycle.disconnected:
            return
        if self._chunked and not self._headless:
            self.transport.write(b"0\r\n\r\n")
        self._complete(cycle)

    def _complete(self, cycle: RequestResponseCycle) -> None:
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()

    def cut(self) -> None:
        """Close it once what was written has gone out."""
        self.serving = None
        self._running.disconnected = True  # nothing more is written, and nobody is told that this is a mistake
        self.transport.close()

    def sweep(self, now: float, request_timeout: float, write_timeout: float) -> None:
        """Close it if the client has been silent, or has left its answer unread, for too long."""
        paused = self.flow.read_paused
        if self.waiting_since is not None and not paused and now - self.waiting_since > request_timeout:
            if self.cycle is None or not self.cycle.response_started:
                self._refuse(408, f"the request did not come within {request_timeout:g} s")
            else:
                self.transport.abort()
        elif self.unread_since is not None and now - self.unread_since > write_timeout:
            self.transport.abort()

    def _measure(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MAX_HEAD or len(self.headers) > MAX_HEADERS:
            self._head_size = -(10**9)
            raise httptools.HttpParserError("too large")

    def _refuse(self, status: int, message: str) -> None:
        words = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}
        code = words[status].lower().replace(" ", "_")
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
        body = json.dumps({"error": error}).encode()
        head = (
            f"HTTP/1.1 {status} {words[status]}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def connections_of(state: Any) -> list[ServerProtocol]:
    """The connections of a uvicorn server's state."""
    return [each for each in state.connections if isinstance(each, ServerProtocol)]
