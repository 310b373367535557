"""The gateway as `llmctl top` sees it, over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from llmctl.client.deadline import Deadline
from llmctl.config.configfile import load_config
from llmctl.config.keys import reference_kind, resolve_key
from llmctl.config.paths import config_file, working_folder
from llmctl.config.profile import Timeouts
from llmctl.config.serve import read_serve
from llmctl.config.target import Tls
from llmctl.core.requests import HttpRequest
from llmctl.core.urls import clean_base_url
from llmctl.errors import ConnectFailed, Forbidden, KeyMissing, KeyRejected, NotFound, NotUnderstood, UsageError

if TYPE_CHECKING:
    from llmctl.client.transport import HttpReply, Transport

LIMITS = Timeouts(connect=5.0, first_token=10.0, idle=40.0, total=1e8)
"""Seconds. A gateway that is followed says something every 15 s."""


class Gateway:
    """One gateway. `url` has no path but what a proxy put before; every method raises LlmctlError."""

    def __init__(self, url: str, key: str | None, env: Mapping[str, str]) -> None:
        self.url = url
        self._key = key
        self._env = env

    def snapshot(self) -> dict[str, Any]:
        """What the gateway does at this moment; see `Monitor.snapshot`."""
        from llmctl.client.blocking import BlockingTransport, can_serve, drive
        from llmctl.core.proxies import choose_proxy

        if can_serve(choose_proxy(self.url, None, self._env)):
            return drive(self._snapshot(BlockingTransport(Tls(), None, self._env)))
        import asyncio

        return asyncio.run(self._snapshot(self._transport()))

    async def follow(self) -> AsyncGenerator[dict[str, Any], None]:
        """A snapshot, then changes, as they come; ends when the gateway does."""
        from llmctl.core.sse import SSEDecoder

        transport, deadline = self._transport(), Deadline(LIMITS)
        try:
            deadline.start_attempt(streamed=True)
            reply = await self._send(transport, deadline, "GET", "/api/events")
            decoder = SSEDecoder()
            async with aclosing(reply.chunks) as chunks:
                async for chunk in chunks:
                    deadline.token()
                    for _, data in decoder.feed(chunk):
                        yield self._read(data)
            await reply.release()
        finally:
            await transport.close()

    async def cancel(self, entry_id: str) -> bool:
        """End a request; False where it has ended already."""
        transport = self._transport()
        try:
            path = f"/api/cancel/{quote(entry_id, safe='')}"
            await (await self._send(transport, Deadline(LIMITS), "POST", path)).close()
        except NotFound:
            return False
        finally:
            await transport.close()
        return True

    async def _snapshot(self, transport: Transport) -> dict[str, Any]:
        from llmctl.client.transport import read_body

        try:
            reply = await self._send(transport, Deadline(Timeouts(connect=5.0, total=15.0)), "GET", "/api/state")
            return self._read(await read_body(reply))
        finally:
            await transport.close()

    async def _send(self, transport: Transport, deadline: Deadline, method: str, path: str) -> HttpReply:
        """The reply to a request that was taken. Raises NotFound where nothing is there."""
        headers = {"host": urlsplit(self.url).netloc, "accept-encoding": "identity"}
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        try:
            reply = await transport.send(
                HttpRequest(method, f"{self.url}{path}", headers, secrets=frozenset({"authorization"})), deadline
            )
        except ConnectFailed as error:
            raise ConnectFailed(f"no gateway answers at {self.url}", hint="start it with: llmctl serve") from error
        if reply.status != 200:
            await reply.close()
            raise self._refusal(reply.status)
        return reply

    def _refusal(self, status: int) -> KeyRejected | Forbidden | NotFound | NotUnderstood:
        make = "llmctl serve key add NAME --admin"
        hint = f"say where one is with --key, and make one with: {make}"
        if status == 401:
            asks = "does not take this key" if self._key else "asks for a key"
            return KeyRejected(f"the gateway at {self.url} {asks}", hint=hint, status=status)
        if status == 403:
            return Forbidden(f"the gateway at {self.url} does not let this request in", hint=hint, status=status)
        if status == 404:
            if self._key:
                what = f"this key may not look at the gateway at {self.url}"
                return NotFound(what, hint=f"one made with {make} may; or is the address wrong?", status=status)
            return NotFound(
                f"there is no llmctl gateway at {self.url}", hint="is the address right?", status=status
            )
        return NotUnderstood(f"{self.url} answers with status {status}: no llmctl gateway?", status=status)

    def _read(self, data: bytes) -> dict[str, Any]:
        try:
            value = json.loads(data)
        except ValueError:
            value = None
        if not isinstance(value, dict) or not ("summary" in value or value.get("type") == "change"):
            raise NotUnderstood(f"{self.url} does not answer as an llmctl gateway does")
        return value

    def _transport(self) -> Transport:
        from llmctl.client.httpx_transport import HttpxTransport

        return HttpxTransport(Tls(), None, self._env)


def find_gateway(url: str | None, key: str | None, env: Mapping[str, str]) -> Gateway:
    """The gateway at the address, else where the config's [serve] puts it. Raises ConfigError, KeyMissing."""
    if key and key != "none" and reference_kind(key) == "literal":
        raise UsageError(
            "--key takes a reference, not a key: others can read the command line",
            hint="env:NAME, cmd:COMMAND or file:PATH",
        )
    return Gateway(_address(url, env), _key(key, working_folder(), env), env)


def _address(url: str | None, env: Mapping[str, str]) -> str:
    if url is None:
        settings = read_serve(load_config(config_file(env)))
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        url = f"http://{host}:{settings.port}"
    return clean_base_url(url, "--url").removesuffix("/v1").rstrip("/")


def _key(reference: str | None, folder: Path, env: Mapping[str, str]) -> str | None:
    if reference in (None, "none"):
        return None
    try:
        return resolve_key(reference or "", "gateway", folder, env)
    except KeyMissing as error:
        problem = error.message.partition(": ")[2]
        raise KeyMissing(f"no key for the gateway: {problem}", hint="say where it is with --key") from None
