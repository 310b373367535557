"""Which headers go on to a provider, and which come back."""

from __future__ import annotations

import json
from collections.abc import Container

from llmctl.client.wire import Headers
from llmctl.core.faults import REQUEST_IDS

_NOT_SENT = frozenset(
    b"host connection keep-alive proxy-connection transfer-encoding te trailer upgrade content-length expect"
    b" authorization x-api-key api-key proxy-authorization cookie accept-encoding origin referer forwarded"
    b" x-forwarded-for x-forwarded-proto x-forwarded-host x-real-ip via cache-control pragma dnt priority".split()
)
_NOT_RETURNED = frozenset(
    b"connection keep-alive proxy-connection transfer-encoding te trailer upgrade set-cookie server date"
    b" alt-svc strict-transport-security x-accel-buffering cache-control".split()
)
_PREFIXES_NOT_SENT = (b"x-llmctl-", b"sec-")
_PREFIXES_NOT_RETURNED = (b"x-llmctl-", b"access-control-")
ID_HEADERS = frozenset(name.encode() for name in REQUEST_IDS)
_USUAL = frozenset((b"keep-alive", b"Keep-Alive", b"close"))


def to_provider(headers: Headers, own: Container[bytes]) -> bytes:
    """The client's headers as lines, without hop-by-hop ones, keys, cookies and what the profile sets itself."""
    lines, named = [], b""
    for name, value in headers:
        if name in _NOT_SENT:
            if name == b"connection" and value not in _USUAL:
                named += b"," + value
        elif name not in own and not name.startswith(_PREFIXES_NOT_SENT):
            lines.append(b"%b: %b\r\n" % (name, value))
    if named:
        hops = _hops(named)
        lines = [line for line in lines if line.partition(b":")[0] not in hops]
    return b"".join(lines)


def to_client(headers: Headers, framed: bool) -> Headers:
    """The provider's headers without hop-by-hop ones, cookies and ours; the length only where it still holds."""
    kept, named = [], b""
    for pair in headers:
        name = pair[0]
        if name in _NOT_RETURNED:
            if name == b"connection" and pair[1] not in _USUAL:
                named += b"," + pair[1]
        elif not name.startswith(_PREFIXES_NOT_RETURNED) and (framed or name != b"content-length"):
            kept.append(pair)
    if named:
        hops = _hops(named)
        return [pair for pair in kept if pair[0] not in hops]
    return kept


def _hops(named: bytes) -> set[bytes]:
    """What a Connection header names as being for this connection alone (RFC 9110 7.6.1)."""
    return {word.strip() for word in named.lower().split(b",")}


def find(headers: Headers, wanted: bytes) -> bytes | None:
    """The first header of this name."""
    for name, value in headers:
        if name == wanted:
            return value
    return None


def whose(profile: str, model: str) -> Headers:
    """Which target an answer, or an error, is of."""
    return [(b"x-llmctl-profile", profile.encode()), (b"x-llmctl-model", _header(model))]


def _header(text: str) -> bytes:
    """A name as a header can carry it."""
    return text.encode() if text.isascii() and text.isprintable() else json.dumps(text).encode()
