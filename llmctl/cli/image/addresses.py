"""Which addresses pictures are fetched from: a provider on the internet names none in your network."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from llmctl.errors import NotUnderstood


def check_address(url: str, provider: str) -> None:
    """Raise NotUnderstood for a picture in a private network, named by a provider that is in none.

    The server there would be asked by this machine for whoever wrote the answer.
    """
    if _is_private(url) and not _is_private(provider):
        host, public = urlsplit(url).hostname, urlsplit(provider).hostname
        raise NotUnderstood(f"its address {host} is in a private network, where {public} is not")


def _is_private(url: str) -> bool:
    """Whether any of the host's addresses is private, loopback or link-local. Unknown names are not."""
    try:
        found = socket.getaddrinfo(urlsplit(url).hostname, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return any(not _is_global(str(entry[4][0])) for entry in found)


def _is_global(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_global
