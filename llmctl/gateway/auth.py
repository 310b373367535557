"""Who may ask: the keys that clients show, and what browsers must not do.

Headers are pairs as ASGI has them, their names in lower case, or a mapping of such names.
"""

from __future__ import annotations

import hmac
import ipaddress
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from llmctl.config.serve import ServeSettings
from llmctl.errors import Forbidden, KeyMissing, KeyRejected
from llmctl.store.keys import ID_LENGTH, PREFIX, GatewayKey, hash_of

Pairs = Iterable[tuple[bytes, bytes]]
Headers = Mapping[bytes, bytes] | Pairs

_KEY_HEADERS = (b"authorization", b"x-api-key", b"api-key")
_BROWSER_HEADERS = (b"host", b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest")
_ID = slice(len(PREFIX), len(PREFIX) + ID_LENGTH)
_PREFIX = PREFIX.encode()
_NOBODY = hash_of(b"")
_MAKE_ONE = "send Authorization: Bearer KEY; a key is made with: llmctl serve key add NAME"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Keyring:
    """The keys that are good now. `replace` may be called while requests run."""

    def __init__(self, keys: Iterable[GatewayKey] = (), clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._keys: dict[bytes, GatewayKey] = {}
        self.replace(keys)

    def replace(self, keys: Iterable[GatewayKey]) -> None:
        """These are the keys from now on. Revoked ones are worth having: their holders are told."""
        self._keys = {key.id.encode(): key for key in keys}

    def any_good(self) -> bool:
        """Whether there is a key that somebody could show."""
        now = self._clock()
        return any(key.state(now) == "active" for key in self._keys.values())

    def authenticate(self, headers: Headers) -> GatewayKey:
        """The key that a request shows. Raises KeyMissing, KeyRejected; neither repeats what was shown."""
        shown = _shown(headers)
        if not shown:
            raise KeyMissing("no key was sent", hint=_MAKE_ONE)
        key = self._keys.get(shown[_ID])
        # One comparison in constant time in any case, so that the time tells nothing about ids either.
        same = hmac.compare_digest(hash_of(shown), key.hash if key else _NOBODY)
        if key is None or not same:
            raise KeyRejected("this key is not known here", hint=_MAKE_ONE)
        if key.revoked is not None or key.expires is not None:
            self._check_time(key)
        return key

    @staticmethod
    def allows(key: GatewayKey, *names: str) -> bool:
        """Whether the key may ask a model that goes by these names: as asked for, "profile/model", its route."""
        return not key.models or any(fnmatchcase(name, pattern) for pattern in key.models for name in names)

    def _check_time(self, key: GatewayKey) -> None:
        if key.revoked is not None:
            raise KeyRejected(f"the key {key.name} was revoked", hint=_MAKE_ONE)
        if key.expires is not None and key.expires <= self._clock():
            when = datetime.fromtimestamp(key.expires, UTC).isoformat(" ", "minutes")
            raise KeyRejected(f"the key {key.name} expired on {when.replace('+00:00', ' UTC')}", hint=_MAKE_ONE)


def host_allowed(host: str, settings: ServeSettings) -> bool:
    """Whether a Host header names this machine: an IP address, localhost, [serve] host, or one of `hosts`.

    Rebinding makes a name of the attacker's point here, so an address in its place is always fine.
    """
    name = _split_port(host)[0].lower().rstrip(".")
    if name in ("127.0.0.1", "localhost") or name.endswith(".localhost") or name == settings.host.lower():
        return True
    return _is_address(name) or any(fnmatchcase(name, pattern.lower()) for pattern in settings.hosts)


def check_browser(headers: Headers, settings: ServeSettings, port: int) -> str | None:
    """The Origin whose page may read the reply, None where there is none or it is our own page.

    `port` is the one that is listened on. Raises Forbidden for names that this gateway does not go by, and for
    pages of other origins. Programs send no Origin, and pass.
    """
    host, origin, site, mode, dest = _found(headers, _BROWSER_HEADERS)
    if host and not host_allowed(host, settings):
        name = _printable(_split_port(host)[0])
        raise Forbidden(f"this gateway is not known as {name}", hint=f'[serve] hosts = ["{name}"] allows it')
    if origin:
        if _same_origin(origin, host, port):
            return None
        if origin in settings.cors or "*" in settings.cors:
            return origin
        shown = _printable(origin)
        if origin == "null":  # every sandboxed frame and data: page has that one
            raise Forbidden("pages without an origin may not call this gateway")
        raise Forbidden(
            f"pages of {shown} may not call this gateway", hint=f'[serve] cors = ["{shown}"] allows it'
        )
    if site == "cross-site" and (mode, dest) != ("navigate", "document"):  # a link that is followed can't read us
        raise Forbidden("pages of other sites may not call this gateway", hint="see [serve] cors")
    return None


def cors_headers(origin: str) -> list[tuple[bytes, bytes]]:
    """What a reply needs so that a page of this origin may read all of it."""
    return [
        (b"access-control-allow-origin", origin.encode("latin-1", "replace")),
        (b"access-control-expose-headers", b"*"),
        (b"vary", b"Origin"),
    ]


def preflight_headers(headers: Headers, origin: str) -> list[tuple[bytes, bytes]]:
    """The reply (204) to a browser's OPTIONS request with Access-Control-Request-Method."""
    asked, private = _found(
        headers, (b"access-control-request-headers", b"access-control-request-private-network")
    )
    allowed = asked if asked.isascii() and asked.isprintable() else ""
    reply = [
        *cors_headers(origin),
        (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
        (b"access-control-allow-headers", (allowed or "authorization, content-type, x-api-key").encode()),
        (b"access-control-max-age", b"600"),
    ]
    return [*reply, (b"access-control-allow-private-network", b"true")] if private == "true" else reply


def _shown(headers: Headers) -> bytes:
    """The key: one that looks like ours where several are sent, b"" without any."""
    first = b""
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        if name not in _KEY_HEADERS:
            continue
        if name == b"authorization":
            scheme, _, value = value.partition(b" ")
            if scheme.lower() != b"bearer":
                continue
        value = value.strip()
        if value.startswith(_PREFIX):
            return value
        first = first or value
    return first


def _found(headers: Headers, names: tuple[bytes, ...]) -> list[str]:
    """The values of these headers, "" for those that are missing."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    values = {name: value for name, value in pairs if name in names}
    return [values[name].decode("latin-1") if name in values else "" for name in names]


def _same_origin(origin: str, host: str, port: int) -> bool:
    """Whether a page of the gateway itself asks. A Host without a port is that of the scheme, or ours."""
    try:
        parts = urlsplit(origin)
        its_port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return False
    name, host_port = _split_port(host)
    if parts.scheme not in _DEFAULT_PORTS or not name or parts.hostname != name.lower().strip("[]"):
        return False
    return its_port == int(host_port) if host_port else its_port in (_DEFAULT_PORTS[parts.scheme], port)


def _split_port(host: str) -> tuple[str, str]:
    """(name, port or "") of a Host header; an IPv6 address keeps its brackets."""
    name, colon, port = host.rpartition(":")
    if colon and port.isascii() and port.isdigit() and len(port) < 6:
        return name, port
    return host, ""


def _is_address(name: str) -> bool:
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    if not (bare[-1:].isdigit() or ":" in bare):  # what is surely a name needs no exception
        return False
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return False
    return True


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable() and letter not in "\"'\\")[:100]
