"""A SOCKS proxy, which only the httpx transport speaks."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from support.upstream import Reply
from support.wire import text_stream


class Socks:
    """A SOCKS 5 proxy without login that remembers where it was asked to connect."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"socks5://127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked: list[tuple[str, int]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self._listener.accept()[:1], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            client.recv(262)
            client.sendall(b"\x05\x00")
            kind = client.recv(4)[3]
            host = socket.inet_ntoa(client.recv(4)) if kind == 1 else client.recv(client.recv(1)[0]).decode()
            (port,) = struct.unpack(">H", client.recv(2))
            self.asked.append((host, port))
            with socket.create_connection((host, port)) as server:
                client.sendall(b"\x05\x00\x00\x01" + bytes(6))
                threading.Thread(target=_pump, args=(client, server), daemon=True).start()
                _pump(server, client)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def socks() -> Iterator[Socks]:
    proxy = Socks()
    yield proxy
    proxy.close()


def test_by_profile(work, upstream, socks):
    upstream.script(Reply.sse(*text_stream("fine")))
    work.configure(f'proxy = "{socks.url}"')
    assert work.chat().check().out == "fine\n"
    assert socks.asked == [("127.0.0.1", upstream.port)]


def test_by_the_environment(work, upstream, socks):
    upstream.script(Reply.sse(*text_stream("fine")))
    assert work.chat(env={"ALL_PROXY": socks.url}).check().out == "fine\n"
    assert socks.asked == [("127.0.0.1", upstream.port)]
