"""One connection of the gateway: uvicorn's, with its own way to answer, and word of clients that leave."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from llmctl.client.wire import Headers
from llmctl.gateway.incoming import Incoming


class ServerProtocol(Incoming):
    """One connection."""

    unread_since: float | None = None
    """Since when the client leaves its answer unread."""
    _chunked = False
    _headless = False
    task: asyncio.Task[None]
    """Of the request that was begun last."""

    def connection_lost(self, exc: Exception | None) -> None:
        self.drop_requests()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        self.unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self.unread_since = None
        super().resume_writing()

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
            if cycle.more_body:
                self.linger()
                return
            self.transport.close()
        cycle.on_response()

    def cut(self) -> None:
        """Close it once what was written has gone out."""
        self.serving = None
        self._running.disconnected = True  # nothing more is written, and nobody is told that this is a mistake
        if self.lingering_since is None:  # else the client is still to read why it was refused
            self.transport.close()

    def sweep(self, now: float, request_timeout: float, write_timeout: float) -> None:
        """Close it if the client has been silent or slow, or has left its answer unread, for too long."""
        if self.lingering_since is not None:
            if now - self.lingering_since > request_timeout:
                self.transport.abort()
        elif reason := self.late(now, request_timeout):
            self.refuse(408, reason)
        elif self.unread_since is not None and now - self.unread_since > write_timeout:
            if self.serving is not None:
                self.serving.cancelled = True  # it is we who leave
            self.transport.abort()


def connections_of(state: Any) -> list[ServerProtocol]:
    """The connections of a uvicorn server's state."""
    return [each for each in state.connections if isinstance(each, ServerProtocol)]
