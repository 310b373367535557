"""HTTP for the demo provider: reads requests, writes replies, minds connections."""

from __future__ import annotations

import math
import socket
import socketserver
import sys
import threading
import time
import zlib
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any

from llmctl.demo.encoding import identity
from llmctl.demo.exchange import Asked, Reply, problem_reply
from llmctl.demo.problems import Problem
from llmctl.demo.routes import respond

LARGEST_BODY = 32 * 1024 * 1024
_LONGEST_PAUSE = 600.0


class Listener(socketserver.ThreadingTCPServer):
    """The listening socket, and one daemon thread for each connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, pace: float, delay: float) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # On Windows this option would let two servers share a port.
        self.allow_reuse_address = sys.platform != "win32"
        self.pace = pace
        self.delay = delay
        self.stopping = threading.Event()
        self.open: dict[socket.socket, threading.Thread] = {}
        super().__init__((host, port), Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection on a thread of its own, and remember both."""
        arguments = (request, client_address)
        thread = threading.Thread(target=self.process_request_thread, args=arguments, daemon=True)
        self.open[request] = thread
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """What runs on that thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.open.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error; anything else is a bug, and is shown."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Stop listening and hang up on everybody."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        for connection, thread in list(self.open.items()):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(2)


class Handler(BaseHTTPRequestHandler):
    """One connection, one request after the other."""

    server: Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 300

    def _serve(self) -> None:
        try:
            asked = Asked(
                method=self.command,
                path=self.path,
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self._body(),
                origin=self._origin(),
                created=int(time.time()),
            )
        except Problem as problem:
            self.close_connection = True
            self._send(problem_reply(problem), identity("req_", problem.message))
            self._discard()
            return
        self._send(respond(asked), identity("req_", asked.method, asked.path, zlib.crc32(asked.body)))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve

    def handle_expect_100(self) -> bool:
        """Let the client send its body, unless it announces too much."""
        with suppress(Problem):
            if self._announced() <= LARGEST_BODY:
                return super().handle_expect_100()
        return True  # refused where the body would be read, without having asked for it

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Requests that http.server refuses on its own get the usual envelope."""
        del explain
        self.close_connection = True
        problem = Problem(message or "This is not a request.", status=int(code))
        self._send(problem_reply(problem), identity("req_", problem.message))

    def version_string(self) -> str:
        """The Server header."""
        return "llmctl-demo"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged: requests may hold secrets, and the terminal belongs to the caller."""

    def _origin(self) -> str:
        host, port = self.server.server_address[:2]
        return f"http://{self.headers.get('Host') or f'{host!s}:{port}'}"

    # Reading

    def _announced(self) -> int:
        length = self.headers.get("Content-Length", "0").strip()
        if not length.isdecimal() or len(length) > 18:
            raise Problem("The Content-Length header is not a number.")
        return int(length)

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunked_body()
        length = self._announced()
        if length > LARGEST_BODY:
            raise _too_large()
        body = self.rfile.read(length)
        if len(body) < length:
            raise Problem("The body ended early.")
        return body

    def _chunked_body(self) -> bytes:
        body = bytearray()
        while size := self._chunk_size():
            if len(body) + size > LARGEST_BODY:
                raise _too_large()
            body += self.rfile.read(size)
            if self.rfile.readline(3).strip():
                raise Problem("The chunks of the body are malformed.")
        while self.rfile.readline(65537).strip():
            pass  # trailers
        return bytes(body)

    def _chunk_size(self) -> int:
        line = self.rfile.readline(1025).partition(b";")[0].strip()
        try:
            if not 0 < len(line) <= 16 or line[:1] in b"+-":
                raise ValueError
            return int(line, 16)
        except ValueError:
            raise Problem("The chunks of the body are malformed.") from None

    def _discard(self) -> None:
        """Take in what a refused client still sends; closing at once could lose it our answer."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(2)
            left = 4 * LARGEST_BODY
            while left > 0 and (taken := self.rfile.read1(65536)):
                left -= len(taken)

    # Writing

    def _send(self, reply: Reply, request_id: str) -> None:
        try:
            if reply.events is None:
                self._send_body(reply, request_id)
            else:
                self._send_events(reply, reply.events, request_id)
        except OSError:
            self.close_connection = True  # the client is gone

    def _send_body(self, reply: Reply, request_id: str) -> None:
        if reply.slow:
            self._pause(self._delay())
        length = len(reply.body) + (1000 if reply.cut else 0)
        self._send_head(reply, request_id, ("Content-Length", str(length)), closes=reply.cut)
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def _send_events(self, reply: Reply, events: tuple[bytes, ...], request_id: str) -> None:
        chunked = self.request_version != "HTTP/1.0"
        framing = ("Transfer-Encoding", "chunked") if chunked else ("Connection", "close")
        self._send_head(reply, request_id, framing, closes=reply.cut or not chunked)
        first, between = self._pauses(reply)
        for position, event in enumerate(events):
            self._pause(between if position else first)
            # One whole event for each write: some readers drop an event that comes in two.
            self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event) if chunked else event)
        if chunked and not reply.cut:
            self.wfile.write(b"0\r\n\r\n")

    def _send_head(self, reply: Reply, request_id: str, framing: tuple[str, str], *, closes: bool) -> None:
        self.send_response(reply.status)
        for name, value in (("Content-Type", reply.kind), ("X-Request-Id", request_id), *reply.headers, framing):
            self.send_header(name, value)
        if closes or self.close_connection:
            self.close_connection = True
            if framing[0] != "Connection":
                self.send_header("Connection", "close")
        self.end_headers()

    def _pauses(self, reply: Reply) -> tuple[float, float]:
        pace = self._seconds("x-demo-pace", self.server.pace)
        return (self._delay(), max(pace, self._delay() / 10)) if reply.slow else (0.0, pace)

    def _delay(self) -> float:
        return self._seconds("x-demo-delay", self.server.delay)

    def _seconds(self, header: str, default: float) -> float:
        with suppress(ValueError):
            value = float(self.headers.get(header, ""))
            if math.isfinite(value):
                return min(max(value, 0.0), _LONGEST_PAUSE)
        return default

    def _pause(self, seconds: float) -> None:
        """Wait, but no longer than the server lives."""
        if seconds and self.server.stopping.wait(seconds):
            raise ConnectionAbortedError("the server is stopping")


def _too_large() -> Problem:
    megabytes = LARGEST_BODY // 1024 // 1024
    return Problem(f"The body is larger than {megabytes} MiB.", status=413, code="request_too_large")
