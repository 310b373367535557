"""A profile while the gateway runs: its connections, its keys, the requests that go to it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, urlsplit

from llmctl.client.deadline import Deadline
from llmctl.client.tls import make_context
from llmctl.client.wire import Headers, Wire
from llmctl.config.target import Target
from llmctl.core.headers import is_header_name, is_header_value
from llmctl.core.proxies import choose_proxy
from llmctl.core.quirks import Quirks
from llmctl.core.redact import secrets_of
from llmctl.core.urls import other_form
from llmctl.errors import ConfigError

if TYPE_CHECKING:
    from llmctl.demo.server import DemoServer

_SAFE = "/%:@!$&'()*+,;=~-._"
_IN_VAIN = 60.0
"""Seconds until the other form of an address is looked at again, after nothing was there."""


class Reply(Protocol):
    """What an upstream gives: see WireReply."""

    status: int
    headers: Headers

    async def read(self) -> bytes: ...
    async def close(self) -> None: ...
    def nudge(self) -> None: ...
    @property
    def ended(self) -> bool: ...


class Upstream:
    """One profile. Keeps its connections until `close`."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.name = target.profile
        self.base_url = target.base_url
        self._keys: dict[int, str | None] = {}
        self._wires: dict[tuple[str, int, bool], Wire] = {}
        self._quirks: dict[str, Quirks] = {}
        self._heads: dict[tuple[str, str, int, str], bytes] = {}
        self._turn = 0
        self.proven = target.embedded
        """This form of the address has answered: the other one is never tried again."""
        self.finding: asyncio.Task[str | None] | None = None
        """The look for the right form that is on its way."""
        self._look_again = 0.0
        self._demo: DemoServer | None = None
        self._own = _own_headers(target)
        self._filled_in = [
            (b"\n%b:" % name.encode(), f"{name}: {self._own.pop(name)}\r\n".encode("latin-1"))
            for name in sorted(target.filled_in & self._own.keys())
        ]
        self.own_names = frozenset(name.encode() for name in self._own)
        """The headers that the profile sets, which beat a client's."""

    @property
    def keys(self) -> int:
        """How many keys the profile has."""
        return 1 + len(self.target.more_keys)

    def quirks(self, model: str) -> Quirks:
        """The quirks for a model, looked up once. Raises ConfigError."""
        found = self._quirks.get(model)
        if found is None:
            if len(self._quirks) > 1000:
                self._quirks.clear()
            found = self._quirks[model] = self.target.quirks(model)
        return found

    def next_key(self, live: Sequence[int]) -> int:
        """One of these keys, each in turn."""
        if len(live) == 1:
            return live[0]
        self._turn += 1
        return live[self._turn % len(live)]

    async def key(self, number: int) -> str | None:
        """The key, looked up once: commands and keyrings may take their time. Raises KeyMissing."""
        if number not in self._keys:
            find = (self.target.key, *self.target.more_keys)[number]
            self._keys[number] = await asyncio.to_thread(find)
        return self._keys[number]

    def forget_key(self, number: int) -> None:
        """It was refused: look it up anew next time."""
        self._keys.pop(number, None)

    def secrets(self) -> list[str]:
        """What must not be repeated: the keys known so far, and what the profile's headers hold."""
        return [*filter(None, self._keys.values()), *secrets_of(self.target.headers, self.target.base_url)]

    async def send(
        self,
        method: str,
        path: str,
        headers: bytes,
        body: bytes,
        number: int,
        deadline: Deadline,
        more: AsyncIterator[bytes] | None = None,
        length: bytes | None = None,
        base_url: str | None = None,
    ) -> Reply:
        """Send a request to base_url + path; `headers` are header lines of the client's, ended by CRLF each.

        `base_url` is another form of the address. `more` follows `body`; `length` is then that of both,
        None is unknown. Raises our errors.
        """
        if self.target.embedded and self._demo is None:
            self._start_demo()
        for start, line in self._filled_in:
            if start not in b"\n" + headers:
                headers += line
        if number not in self._keys:
            await self.key(number)
        base = base_url or self.base_url
        head = self._heads.get((method, path, number, base)) or self._head(method, path, number, base)
        size = (
            length if more is not None else (b"%d" % len(body) if body or method not in ("GET", "HEAD") else None)
        )
        if size is not None:
            framing = b"content-length: %b\r\n" % size
        else:
            framing = b"transfer-encoding: chunked\r\n" if more is not None else b""
            if more is not None:
                more, body = _chunked(body, more), b""
        wire = self._wire(base)
        return await wire.send(b"%b%b%b\r\n" % (head, headers, framing), body, deadline, method == "HEAD", more)

    def instead_of(self, base_url: str) -> str | None:
        """Where to look for what is not at this form of the address; None is nowhere.

        Another request, running beside this one, may have found the right form already.
        """
        if self.base_url != base_url:
            return None if self.target.embedded else self.base_url
        if self.proven or time.monotonic() < self._look_again:
            return None
        return other_form(base_url)

    def found_at(self, base_url: str) -> None:
        """This form of the address has given an answer that no other server would give: it stays."""
        if not self.proven:
            self.base_url, self.proven = base_url, True

    def in_vain(self) -> None:
        """Neither form has what was looked for."""
        self._look_again = time.monotonic() + _IN_VAIN

    def close(self) -> None:
        """Close what is idle; running requests end by themselves."""
        for wire in self._wires.values():
            wire.close()
        if self._demo:
            self._demo.stop()
            self._demo = None

    def _start_demo(self) -> None:
        from llmctl.demo.server import DemoServer

        self._demo = DemoServer()
        self._demo.start()
        self.base_url = self._demo.base_url

    def _head(self, method: str, path: str, number: int, base_url: str) -> bytes:
        """Request line and the headers that are always the same."""
        parts = urlsplit(base_url)
        given, _, query = path.partition("?")
        where = quote(f"{parts.path.rstrip('/')}/{given.lstrip('/')}", safe=_SAFE)
        both = "&".join(part for part in (parts.query, query) if part)
        url = where + (f"?{quote(both, safe=_SAFE + '?')}" if both else "")
        lines = {
            "host": parts.netloc,
            "accept-encoding": "identity",
            **self.target.auth_headers(self._keys.get(number)),
            **self._own,
        }
        text = f"{method} {url} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        head = text.encode("latin-1")
        if len(self._heads) > 1000:
            self._heads.clear()
        self._heads[method, path, number, base_url] = head
        return head

    def _wire(self, url: str) -> Wire:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        place = (parts.hostname or "", parts.port or (443 if secure else 80), secure)
        wire = self._wires.get(place)
        if wire is None:
            proxy = choose_proxy(url, self.target.proxy, os.environ)
            context = make_context(self.target.tls, os.environ) if secure else None
            if proxy:
                from llmctl.client.tunnel import TunnelWire

                proxy_tls = make_context(self.target.tls, os.environ) if proxy.startswith("https") else None
                wire = TunnelWire(*place[:2], context, proxy, proxy_tls)
            else:
                wire = Wire(*place[:2], context)
            self._wires[place] = wire
        return wire


def _own_headers(target: Target) -> dict[str, str]:
    for name, value in target.headers.items():
        if not is_header_name(name) or not is_header_value(value):
            raise ConfigError(f"profile {target.profile}: the header {name} holds what can't be sent")
    return {name.lower(): value for name, value in target.headers.items()}


async def _chunked(first: bytes, more: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A body of unknown length, in HTTP's chunks."""
    if first:
        yield b"%x\r\n%b\r\n" % (len(first), first)
    async for piece in more:
        if piece:
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"
