"""What people and monitors see of the gateway: the dashboard, its API, health checks and metrics.

Keys, Host and Origin are checked before a request comes here, except on PUBLIC paths.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any, Protocol

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from llmctl.gateway.metrics import CONTENT_TYPE, Metrics, State, render
from llmctl.gateway.monitor import Monitor
from llmctl.gateway.snapshots import follow, merge

_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_SCRIPTS = ("app.js", "charts.js", "dom.js", "format.js", "live.js", "state.js", "tables.js", "theme.js")
PAGE = ("index.html", *_SCRIPTS, "style.css", "icon.svg")
"""The files of the dashboard."""

PUBLIC = frozenset({"/", "/healthz", "/readyz", *(f"/page/{name}" for name in PAGE)})
"""Paths that need no key, as they tell nothing; all others may ask for one."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NO_STORE = {**HEADERS, "Cache-Control": "no-store"}

Row = dict[str, Any]


class AdminView(Protocol):
    """What of the gateway is shown."""

    monitor: Monitor
    metrics: Metrics

    def ready(self) -> tuple[bool, str]:
        """Whether it takes requests; else why not."""

    async def peers(self) -> Sequence[Mapping[str, Any]]:
        """What the other workers tell: {"monitor": a snapshot, "metrics": a state} of each."""

    async def cancel(self, entry_id: str) -> bool:
        """End a request, wherever it runs; whether that may be."""


def make_admin(gateway: AdminView) -> Starlette:
    """The app that serves the dashboard, its API, health checks and metrics."""
    admin = _Admin(gateway)
    return Starlette(
        routes=[
            Route("/", admin.page),
            Route("/page/{name}", admin.page),
            Route("/healthz", admin.healthz),
            Route("/readyz", admin.readyz),
            Route("/metrics", admin.metrics),
            Route("/api/state", admin.state),
            Route("/api/events", admin.events),
            Route("/api/cancel/{id}", admin.cancel, methods=["POST"]),
        ],
        exception_handlers={404: _not_found, 405: _not_allowed},
    )


@dataclass(frozen=True)
class _File:
    content: bytes
    type: str
    etag: str


class _Admin:
    def __init__(self, gateway: AdminView) -> None:
        self._gateway = gateway
        self._files = dict(map(_read, PAGE))

    async def page(self, request: Request) -> Response:
        """The dashboard and its files; a browser asks each time, and mostly hears that nothing changed."""
        file = self._files.get(request.path_params.get("name", "index.html"))
        if file is None:
            return _failed(404, "there is no such file", "not_found")
        headers = {**HEADERS, "Cache-Control": "no-cache", "ETag": file.etag}
        if request.headers.get("if-none-match") == file.etag:
            return Response(status_code=304, headers=headers)
        return Response(file.content, headers={**headers, "Content-Type": file.type})

    async def healthz(self, _request: Request) -> Response:
        return PlainTextResponse("ok\n", headers=_NO_STORE)

    async def readyz(self, _request: Request) -> Response:
        ready, why = self._gateway.ready()
        return PlainTextResponse("ok\n" if ready else f"{why}\n", 200 if ready else 503, headers=_NO_STORE)

    async def metrics(self, _request: Request) -> Response:
        own = self._gateway.metrics.state()
        states = [own, *(peer["metrics"] for peer in await self._gateway.peers())]
        content = await asyncio.to_thread(_rendered, own, states)
        return Response(content, headers={**_NO_STORE, "Content-Type": CONTENT_TYPE})

    async def state(self, _request: Request) -> Response:
        return _json(await self._merged())

    async def events(self, _request: Request) -> Response:
        """Server-sent events, as `follow` makes them. They end when the client goes, or the monitor closes."""
        return StreamingResponse(
            self._events(),
            media_type="text/event-stream",
            headers={**_NO_STORE, "X-Accel-Buffering": "no"},
        )

    async def cancel(self, request: Request) -> Response:
        if await self._gateway.cancel(request.path_params["id"]):
            return _json({"cancelled": True})
        return _failed(404, "no such request is being answered; it may have ended", "not_found")

    async def _merged(self) -> Row:
        own = self._gateway.monitor.snapshot()
        peers = await self._gateway.peers()
        try:
            return merge(own, [peer["monitor"] for peer in peers])
        except (KeyError, TypeError):  # a worker of another version, while they are being replaced
            return own

    async def _events(self) -> AsyncGenerator[bytes, None]:
        monitor = self._gateway.monitor
        async with aclosing(follow(self._merged, lambda: monitor.closed)) as messages:
            async for message in messages:
                yield b": alive\n\n" if message["type"] == "alive" else _event(message)


def _read(name: str) -> tuple[str, _File]:
    content = (files("llmctl.gateway") / "page" / name).read_bytes()
    kind = _TYPES[PurePosixPath(name).suffix]
    return name, _File(content, f"{kind}; charset=utf-8", f'"{hashlib.sha256(content).hexdigest()[:16]}"')


def _rendered(own: State, states: Sequence[State]) -> bytes:
    try:
        return render(states)
    except (KeyError, TypeError, ValueError):  # as in _merged
        return render([own])


def _event(message: Row) -> bytes:
    return b"data: " + msgspec.json.encode(message) + b"\n\n"


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json", headers=_NO_STORE)


def _failed(status: int, message: str, code: str) -> Response:
    """An error in OpenAI's envelope."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return _json({"error": error}, status)


async def _not_found(_request: Request, _error: Exception) -> Response:
    return _failed(404, "there is nothing here; GET /v1/models lists what there is", "not_found")


async def _not_allowed(_request: Request, _error: Exception) -> Response:
    return _failed(405, "this path is not served with that method", "wrong_method")
