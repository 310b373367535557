"""The half of a connection that reads requests: uvicorn's, with limits for what comes, and deaf to upgrades."""

from __future__ import annotations

import asyncio
import json

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from llmctl.gateway.entry import Entry

MAX_HEAD = 64 * 1024
MAX_HEADERS = 200
_MOST_DROPPED = 256 * 1024 * 1024
"""Bytes that a client may go on sending once it was refused."""
_SLOWEST = 1000
"""Bytes a second that a body must come with, once it has taken a few times as long as it may be silent."""
_PATIENCE = 4
_LINGERING = 1 << 62
_TLS = b"\x16\x03"
"""How a TLS handshake begins."""
_WORDS = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}


class Incoming(HttpToolsProtocol):
    """Requests as they come in on one connection."""

    waiting_since: float | None = None
    """When a client that owes us something was last heard, by the loop's clock."""
    lingering_since: float | None = None
    """Since when what comes is dropped: the client was refused, and is still to read why."""
    serving: Entry | None = None
    """The request that runs; a client that leaves cancels it."""
    _began = 0.0
    """When the request began, or went on after we had made it wait."""
    _came = 0
    """Bytes of its body since then."""
    _running: RequestResponseCycle
    """The request that is being answered, or was last."""
    _unparsed = 0
    """Bytes since the parser last gave us anything: httptools joins a header's pieces, in quadratic time."""
    _head_size = 0
    _in_head = False
    _upgrade: bytes | None = None
    """What the client would like to speak, while its head is read again without that."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.waiting_since = self._began = self.loop.time()

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._unparsed > MAX_HEAD:
            self._endless(len(data))
            return
        self._unparsed += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as pause:
            self._feed_again(memoryview(data)[pause.args[0] :])
        except httptools.HttpParserError:
            self._garbled(data)
        except (AttributeError, ValueError):
            if self.parser is not None:  # else: closed while a part of the data was still to be read
                raise

    # upgrades

    def _feed_again(self, rest: memoryview) -> None:
        """Read the rest, and first the head that asks for an upgrade again, as if it didn't.

        Who doesn't follow an upgrade must read the request as any other (RFC 9110 7.8), but to llhttp what
        comes after such a head is no HTTP any more: it leaves out the body, which would be the next request.
        """
        try:
            while True:
                head = self._head_without_upgrade()
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
                self.parser.feed_data(head)
                try:
                    if rest:
                        self.parser.feed_data(rest)
                except httptools.HttpParserUpgrade as pause:
                    rest = rest[pause.args[0] :]
                else:
                    return
        except httptools.HttpParserError:
            self._garbled(b"")

    def _head_without_upgrade(self) -> bytes:
        parser = self.parser
        version = parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b\r\n" % (parser.get_method(), self.url, version)]
        lines += [b"%b: %b\r\n" % pair for pair in self.headers if pair[0] != b"upgrade"]
        if self._upgrade == b"websocket":  # it is refused, and frames that follow are no requests
            lines.append(b"connection: close\r\n")
        return b"".join(lines) + b"\r\n"

    # the parser's side

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["llmctl"] = self  # type: ignore[typeddict-unknown-key]
        self.waiting_since = self._began = self.loop.time()
        self._came = self._head_size = self._unparsed = 0
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._measure(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # else a trailer, which must not pass for a header (RFC 9110 6.5.1)
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))
        self._measure(len(name) + len(value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._unparsed = 0
        if self.parser.should_upgrade():
            self._note_upgrade()
            return
        if not self.url.startswith(b"/") and self.url != b"*":
            raise ValueError("a request for another host")  # its Host would not be the one that counts
        if self.parser.get_http_version() == "1.1" and not any(name == b"host" for name, _ in self.headers):
            raise ValueError("no Host")
        if self._upgrade is not None:
            self.headers.append((b"upgrade", self._upgrade))
            self._upgrade = None
        super().on_headers_complete()

    def _note_upgrade(self) -> None:
        if self.parser.get_method() == b"CONNECT":
            raise ValueError("no tunnels here")
        self._upgrade = next((value.lower() for name, value in self.headers if name == b"upgrade"), b"")

    def on_body(self, body: bytes) -> None:
        self.waiting_since = self.loop.time()
        self._came += len(body)
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._upgrade is None:  # else its body is still to come
            self.waiting_since = None
            super().on_message_complete()

    def _measure(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MAX_HEAD or len(self.headers) > MAX_HEADERS:
            self._head_size = -(10**9)
            raise httptools.HttpParserError("too large")

    # refusals

    def late(self, now: float, request_timeout: float) -> str | None:
        """What is wrong with a request that comes too slowly; it is looked at about once a second."""
        if self.waiting_since is None:
            return None
        if self.flow.read_paused:  # we are the slow ones
            self.waiting_since = self._began = now
            self._came = 0
        if now - self.waiting_since > request_timeout:
            return f"the request did not come within {request_timeout:g} s"
        if now - self._began > _PATIENCE * request_timeout + self._came / _SLOWEST:
            return f"the body of the request comes with less than {_SLOWEST} bytes a second"
        return None

    def refuse(self, status: int, message: str) -> None:
        """Answer what is no request, and close."""
        running: RequestResponseCycle | None = getattr(self, "_running", None)
        answering = running is not None and running.response_started and not running.response_complete
        if self.transport.is_closing() or answering:
            self.transport.abort()  # words would be taken for a part of that answer
            return
        code = _WORDS[status].lower().replace(" ", "_")
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
        body = json.dumps({"error": error}).encode()
        head = (
            f"HTTP/1.1 {status} {_WORDS[status]}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        if status == 408:
            self.transport.close()
        else:
            self.drop_requests()
            self.linger()

    def drop_requests(self) -> None:
        """Nobody will read another answer: end what runs, forget what waits."""
        serving, self.serving = self.serving, None
        for cycle in (getattr(self, "_running", None), *(queued for queued, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True  # uvicorn marks only the one that came last
                cycle.waiting_for_100_continue = False
                cycle.message_event.set()
        self.pipeline.clear()
        if serving is not None and serving.task is not None:
            serving.task.cancel()

    def linger(self) -> None:
        """Close it, but for what the client still sends: it may send everything before it reads (RFC 9112 9.6)."""
        if self.transport.is_closing():
            return
        self.lingering_since, self.waiting_since = self.loop.time(), None
        self._unparsed = _LINGERING
        self.transport.write_eof()
        self.flow.resume_reading()

    def _endless(self, size: int) -> None:
        if self.lingering_since is None:
            self.refuse(431, "the headers of the request are too large")
            return
        self._unparsed += size
        if self._unparsed > _LINGERING + _MOST_DROPPED:
            self.transport.abort()

    def _garbled(self, data: bytes) -> None:
        if self._head_size < 0:
            self.refuse(431, "the headers of the request are too large")
        elif data.startswith(_TLS):
            self.refuse(400, "this port speaks http; https:// was asked for")
        else:
            self.refuse(400, "the request is not HTTP/1.1 with a Host and a path")
