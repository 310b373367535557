"""CONNECT, carried out: bytes go both ways between a client and the target it named, until one side ends."""

from __future__ import annotations

import selectors
import socket

from support.connection import ClientGone, Connection
from support.replies import Reply
from support.wire import error_body

CONNECT_TIMEOUT = 10


def tunnel(connection: Connection, target: str) -> None:
    """Join the connection with `host:port`. Ends with ClientGone, or by closing the connection."""
    host, _, port = target.rpartition(":")
    try:
        remote = socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_TIMEOUT)
    except OSError as error:
        connection.turn_away(Reply(502, body=error_body(f"can't reach {target}: {error}"), close=True))
        return
    with remote:
        remote.settimeout(None)
        connection.raw(b"HTTP/1.1 200 Connection established\r\n\r\n")
        remote.sendall(connection.take_buffer())
        try:
            _join(connection.sock, remote)
        except OSError as error:
            raise ClientGone from error
    connection.cut()


def _join(client: socket.socket, remote: socket.socket) -> None:
    """Copy until either side ends; ClientGone when that was the client."""
    with selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_READ, remote)
        selector.register(remote, selectors.EVENT_READ, client)
        while True:
            for key, _ in selector.select():
                source = client if key.data is remote else remote
                data = source.recv(65536)
                if data:
                    key.data.sendall(data)
                elif source is client:
                    raise ClientGone
                else:
                    return
