"""What is said to a proxy before a connection through it is of use: HTTP's CONNECT, and SOCKS 5.

Both raise Refused, and, where the proxy goes away or sends something else, what StreamReader raises.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import re
from collections.abc import Callable

Login = tuple[str, str]
"""A user's name and password."""
Write = Callable[[bytes], None]

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ?([^\r\n]*)")
_SOCKS, _NO_LOGIN, _PASSWORD, _NONE_FITS = 5, 0, 2, 255
_REFUSALS = {
    1: "it failed",
    2: "its rules forbid it",
    3: "the network is unreachable",
    4: "the host is unreachable",
    5: "connection refused",
    6: "time ran out",
    7: "it can't connect",
    8: "it doesn't know this kind of address",
}


class Refused(Exception):
    """The proxy's no; the text says why."""


def basic(login: Login) -> bytes:
    """The value of a Proxy-Authorization header."""
    return b"Basic " + base64.b64encode(":".join(login).encode())


def ascii_name(host: str) -> str:
    """A name with other letters as DNS has it; an IPv6 address in brackets. Raises UnicodeError."""
    return f"[{host}]" if ":" in host else host if host.isascii() else host.encode("idna").decode()


async def http_connect(
    reader: asyncio.StreamReader, write: Write, place: tuple[str, int], login: Login | None
) -> None:
    """Ask an HTTP proxy for a tunnel to (host, port)."""
    where = b"%b:%d" % (ascii_name(place[0]).encode(), place[1])
    extra = b"proxy-authorization: %b\r\n" % basic(login) if login else b""
    write(b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (where, where, extra))
    head = await reader.readuntil(b"\r\n\r\n")
    status = _STATUS.match(head)
    if not status:
        raise Refused("it does not answer in HTTP")
    if not status[1].startswith(b"2"):
        reason = "".join(letter for letter in status[2].decode("latin-1")[:80] if letter.isprintable())
        raise Refused(f"{int(status[1])} {reason}".strip())


async def socks_connect(
    reader: asyncio.StreamReader, write: Write, place: tuple[str, int], login: Login | None
) -> None:
    """Ask a SOCKS 5 proxy for a connection to (host, port). A host that is no IP address is resolved there."""
    methods = bytes([_NO_LOGIN, _PASSWORD] if login else [_NO_LOGIN])
    write(bytes([_SOCKS, len(methods)]) + methods)
    version, method = await reader.readexactly(2)
    if version != _SOCKS:
        raise Refused("it does not speak SOCKS 5")
    if method == _PASSWORD and login:
        user, password = (_counted(part.encode()) for part in login)
        write(b"\x01" + user + password)
        if (await reader.readexactly(2))[1]:
            raise Refused("user or password is wrong")
    elif method != _NO_LOGIN:
        raise Refused("it wants another login" if login else "it wants a user and password")
    write(bytes([_SOCKS, 1, 0]) + _address(place[0]) + place[1].to_bytes(2, "big"))
    version, reply, _, kind = await reader.readexactly(4)
    if version != _SOCKS or reply:
        raise Refused(_REFUSALS.get(reply, f"SOCKS error {reply}"))
    size = {1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0]
    await reader.readexactly(size + 2)


def _address(host: str) -> bytes:
    """With its kind before it. Raises UnicodeError for what can be no name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return b"\x03" + _counted(host.encode("idna"))
    return bytes([1 if address.version == 4 else 4]) + address.packed


def _counted(data: bytes) -> bytes:
    if len(data) > 255:
        raise Refused("a name or password is longer than SOCKS has room for")
    return bytes([len(data)]) + data
