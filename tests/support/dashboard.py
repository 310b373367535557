"""The admin app on a real socket, around a gateway that answers nothing, and entries as the gateway makes them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import uvicorn

from llmctl.core.events import Usage
from llmctl.gateway.admin import PUBLIC, make_admin
from llmctl.gateway.entry import Attempt, Entry
from llmctl.gateway.metrics import Metrics
from llmctl.gateway.monitor import Monitor

T = TypeVar("T")
NOW = 1_795_262_430.0  # 2026-11-21 12:00:30 UTC
_numbers = itertools.count(1)

HEALTHY = {
    "target": "work/big",
    "door": "chat",
    "state": "ok",
    "until": None,
    "why": "",
    "failures": 0,
    "p50_ms": 200.0,
    "p95_ms": 900.0,
    "requests": 10,
}
COOLING = {**HEALTHY, "target": "spare/small", "state": "cooling", "why": "429: told to wait", "failures": 3}


def attempt(status: str = "ok", **more: Any) -> Attempt:
    """One that took 1000 tokens in and 100 out for 2 cents, its first token after 250 ms."""
    told: dict[str, Any] = {"first_token_ms": 250.0, "usage": Usage(1000, 100, 1100, 400, 30), "cost": 0.02}
    fields = {
        "profile": "work",
        "provider": "openai",
        "base_url": "https://llm.example.com/v1",
        "model": "big",
        "why": "named by the client",
        "started": NOW - 1,
        "status": status,
        "http_status": 200,
        "total_ms": 1000.0,
        **(told if status == "ok" else {}),
        **more,
    }
    return Attempt(**fields)


def entry(outcome: str = "ok", attempts: Sequence[Attempt] | None = None, **more: Any) -> Entry:
    """A request that has ended so, after one attempt that ended alike. Outcome "" is one that runs."""
    fields = {
        "id": f"req-{next(_numbers):04d}",
        "started": NOW - 1,
        "door": "chat",
        "caller": "ci",
        "model": "work/big",
        "stream": True,
        "attempts": [attempt(outcome)] if attempts is None else list(attempts),
        "status": 200 if outcome in ("ok", "") else 502,
        "outcome": outcome,
        "first_token_ms": 250.0 if outcome == "ok" else None,
        "total_ms": 1000.0 if outcome else None,
        "overhead_ms": 0.2,
        **more,
    }
    return Entry(**fields)


class View:
    """What the admin app is shown. `other` is what other workers tell."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.targets: list[dict[str, Any]] = [HEALTHY, COOLING]
        self.monitor = Monitor(lambda: self.targets, clock)
        self.metrics = Metrics(self.monitor, lambda: (2, 5))
        self.state = (True, "")
        self.other: list[Mapping[str, Any]] = []

    def ready(self) -> tuple[bool, str]:
        return self.state

    async def peers(self) -> Sequence[Mapping[str, Any]]:
        return self.other

    async def cancel(self, entry_id: str) -> bool:
        return self.monitor.cancel(entry_id)


class Dashboard:
    """Serves in a thread. `run` calls something on its event loop; `key` is asked for where it is set."""

    def __init__(self, key: str = "") -> None:
        self.view = View()
        self.key = key
        self._app = make_admin(self.view)
        self._loop = asyncio.new_event_loop()
        config = uvicorn.Config(
            self._serve, port=0, log_level="error", ws="none", lifespan="off", interface="asgi3"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def __enter__(self) -> Dashboard:
        self._thread.start()
        wait_until(lambda: self._server.started, "the server has started")
        return self

    def __exit__(self, *_exc: object) -> None:
        self.run(self._end)
        self._thread.join(20)
        assert not self._thread.is_alive()

    def run(self, call: Callable[[], T | Awaitable[T]]) -> T:
        """What the call returns, awaited if need be."""

        async def calling() -> T:
            found = call()
            return await found if isinstance(found, Awaitable) else found

        return asyncio.run_coroutine_threadsafe(calling(), self._loop).result(20)

    def begin(self, **more: Any) -> Entry:
        """A request that goes on until it is cancelled."""

        async def going_on() -> Entry:
            running = entry("", [attempt("", total_ms=None, http_status=None)], started=time.time(), **more)
            running.task = asyncio.create_task(self._serve_for_ever(running))
            self.view.monitor.begin(running)
            return running

        return self.run(going_on)

    def finish(self, *entries: Entry) -> None:
        self.run(lambda: self.view.monitor.finished(entries))
        self.run(lambda: self.view.metrics.observe(entries))

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._server.serve())

    async def _serve_for_ever(self, running: Entry) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            running.outcome = running.attempts[0].status = "cancelled"
            running.total_ms = 5.0
            self.view.monitor.finished([running])

    async def _end(self) -> None:
        self.view.monitor.close()
        for running in list(self.view.monitor.inflight):
            self.view.monitor.cancel(running)
        self._server.should_exit = True

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and not self._allowed(scope):
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await self._app(scope, receive, send)

    def _allowed(self, scope: Any) -> bool:
        shown = dict(scope["headers"]).get(b"authorization", b"")
        return not self.key or scope["path"] in PUBLIC or shown == f"Bearer {self.key}".encode()


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 20) -> None:
    """Look again and again until it holds."""
    pause = threading.Event()
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        pause.wait(0.02)
