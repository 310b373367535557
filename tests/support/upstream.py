"""A scripted upstream over real loopback HTTP: it answers as told, and misbehaves as told.

Make one with `with Upstream() as up:`, tell it what to answer with
`up.script(Reply(429, {"Retry-After": "1"}), Reply.sse(*text_stream("Hello")))`, point the client at
`f"{up.url}/v1"`, and look at `up.requests` afterwards.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from support.connection import ClientGone, Connection, Ended, Request
from support.replies import Cut, Delay, Gate, Hang, Raw, Reply, Reset, Step, Wait
from support.tunnel import tunnel
from support.wire import error_body

__all__ = [
    "Cut",
    "Delay",
    "Gate",
    "Hang",
    "Raw",
    "Reply",
    "Request",
    "Reset",
    "Step",
    "Upstream",
    "Wait",
    "free_port",
    "refused_url",
]

Answer = Reply | Callable[[Request], Reply]
EXHAUSTED = Reply(500, body=error_body("upstream script is exhausted", "server_error", "script_exhausted"))
MALFORMED = Reply(400, body=error_body("upstream could not read the request"), close=True)


class Upstream:
    """An HTTP server, one thread a connection. An answer is a Reply, or a function from Request to Reply."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: tuple[str, str] | ssl.SSLContext | None = None,
        proxy: bool = False,
        default: Answer = EXHAUSTED,
    ) -> None:
        self.host = host
        self.default = self._default = default
        self.requests: list[Request] = []
        self.connections = 0
        self._proxy = proxy
        self._tls = _server_context(tls)
        self._script: deque[Answer] = deque()
        self._routes: dict[str, Answer] = {}
        self._gates: dict[str, Gate] = {}
        self._client_closed: set[int] = set()
        self._live: set[Connection] = set()
        self._threads: list[threading.Thread] = []
        self._stopping = False
        self._changed = threading.Condition()
        self._listener = _listen(host, port)
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    def __enter__(self) -> Upstream:
        self._start_thread(self._accept_connections)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._stopping = True
            for connection in self._live:
                connection.stop()
        with suppress(OSError):  # wakes accept()
            socket.create_connection((self.host, self.port), timeout=5).close()
        for thread in self._threads:
            thread.join(timeout=10)
        self._listener.close()

    # what a test says

    def script(self, *answers: Answer) -> None:
        """Answers for the requests to come, in order, one each, over all connections; then `default`."""
        with self._changed:
            self._script.extend(answers)

    def route(self, path: str, answer: Answer) -> None:
        """Always this answer for that path (without query; "CONNECT": any CONNECT), before the script."""
        with self._changed:
            self._routes[path] = answer

    def gate(self, name: str = "gate") -> Gate:
        """The gate of that name, made on first use."""
        return self._gates.setdefault(name, Gate(name))

    def forget(self) -> None:
        """Be as new, for the next test; but connections stay, and their numbers go on."""
        with self._changed:
            self.requests.clear()
            self._script.clear()
            self._routes.clear()
            self._gates.clear()
            self.default = self._default

    # what a test asks

    @property
    def last(self) -> Request:
        """The latest request."""
        return self.requests[-1]

    def wait_requests(self, count: int, timeout: float = 20) -> None:
        """Wait until this many requests have come in."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.requests) >= count, timeout)
        assert came, f"{len(self.requests)} of {count} requests came in {timeout} s"

    def client_closed(self, connection: int) -> bool:
        """Whether the client has closed (or broken) connection number `connection`, counted from 0."""
        with self._changed:
            return connection in self._client_closed

    def wait_closed(self, connection: int = 0, timeout: float = 20) -> bool:
        """Wait until the client has closed connection number `connection`; fails the test when it doesn't."""
        with self._changed:
            closed = self._changed.wait_for(lambda: connection in self._client_closed, timeout)
        assert closed, f"the client didn't close connection {connection} in {timeout} s"
        return True

    # the server

    def _start_thread(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept_connections(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            with self._changed:
                if self._stopping:
                    sock.close()
                    return
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._tls:
                    try:
                        sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                    except OSError:
                        continue  # the client has gone already
                connection = Connection(sock, self.connections)
                self.connections += 1
                self._live.add(connection)
                self._start_thread(self._serve, connection)

    def _serve(self, connection: Connection) -> None:
        try:
            self._serve_requests(connection)
        except ClientGone:
            with self._changed:
                if not self._stopping:
                    self._client_closed.add(connection.number)
        except Ended:
            pass
        finally:
            with self._changed:
                self._live.discard(connection)
                connection.close()
                self._changed.notify_all()

    def _serve_requests(self, connection: Connection) -> None:
        if isinstance(connection.sock, ssl.SSLSocket):
            try:
                connection.sock.do_handshake()
            except OSError as error:
                raise ClientGone from error
        while True:
            try:
                request = connection.read_request()
            except ValueError:
                connection.turn_away(MALFORMED)
                return
            answer = self._take_answer(request)
            if answer is None:
                tunnel(connection, request.target)
            else:
                connection.answer(answer(request) if callable(answer) else answer, request)

    def _take_answer(self, request: Request) -> Answer | None:
        """The answer to a request; None stands for a CONNECT that a proxy carries out."""
        route = "CONNECT" if request.method == "CONNECT" else request.path
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
            if route in self._routes:
                return self._routes[route]
            if self._script:
                return self._script.popleft()
            return None if self._proxy and request.method == "CONNECT" else self.default


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on right now."""
    with _listen(host, 0) as sock:
        port: int = sock.getsockname()[1]
        return port


def refused_url(deadline: float = 5) -> str:
    """A URL on which connecting is refused: nobody listens on its port."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        port = free_port()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            return f"http://127.0.0.1:{port}"
    raise AssertionError("found no port that refuses connections")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=128)


def _server_context(tls: tuple[str, str] | ssl.SSLContext | None) -> ssl.SSLContext | None:
    if not isinstance(tls, tuple):
        return tls
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls)
    return context
