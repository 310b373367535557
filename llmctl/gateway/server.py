"""A gateway that listens: uvicorn's protocol on uvloop, signals, reloading, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from uvicorn.config import Config
from uvicorn.server import ServerState

from llmctl.errors import LlmctlError
from llmctl.gateway.app import App
from llmctl.gateway.beat import Beat, worker_name
from llmctl.gateway.gateway import Gateway
from llmctl.gateway.keysource import key_source
from llmctl.gateway.protocol import ServerProtocol, connections_of
from llmctl.gateway.setup import Setup, check_keys, make_gateway, needs_key, read_setup
from llmctl.signals import on_signals
from llmctl.store.store import store_file

_FIXED = ("host", "port", "workers", "redis_url", "database_url", "otel")
"""Settings that count from the next start."""
_CUT_SECONDS = 3.0
_KEEP_ALIVE = 75
"""Seconds that a connection may wait for its next request; longer than the 60 of usual load balancers."""


def say(line: str) -> None:
    """A line for whoever runs the gateway."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"llmctl serve: {line}\n")
        sys.stderr.flush()


class Server:
    """One process. `run` returns when it has been told to stop."""

    def __init__(self, setup: Setup, env: Mapping[str, str]) -> None:
        """Read everything. Raises ConfigError, StoreFailed."""
        self._setup = setup
        self._env = env
        self._path = Path(setup.config)
        names = read_setup(setup, env, say)
        self._seen = _stamp(self._path)
        self.gateway = make_gateway(setup, names, env, say)
        self._keys = key_source(names.settings.database_url, store_file(env))
        self._keys_lost = self._loading = False
        try:
            self.gateway.keyring.replace(self._keys.all())
        except LlmctlError as error:
            if needs_key(names.settings):
                raise  # nobody could be let in
            say(f"the keys can't be read now: {error.message}")
        check_keys(names.settings, self.gateway.keyring)
        self.gateway.needs_key = needs_key(names.settings)
        self._state = ServerState()
        self._stopping = asyncio.Event()
        self._hurried = False

    def run(self, listening: socket.socket, announce: bool, lifeline: int | None = None) -> None:
        """Serve until a signal comes. `announce`: say where, once it listens.

        `lifeline` is a file that ends together with whoever has started this process.
        """
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(self._run(listening, announce, lifeline))

    def discard(self) -> None:
        """Give back what was opened to look at."""
        self._keys.close()

    async def _run(self, listening: socket.socket, announce: bool, lifeline: int | None) -> None:
        gateway, loop = self.gateway, asyncio.get_running_loop()
        gateway.port = listening.getsockname()[1]
        gateway.worker = worker_name()
        config = Config(
            App(gateway),
            http=ServerProtocol,
            loop="none",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="critical",
            timeout_keep_alive=_KEEP_ALIVE,
            server_header=False,
            date_header=False,
            proxy_headers=False,
        )
        config.load()
        on_signals(loop, self._stop, self._reload)
        if lifeline is not None:
            loop.add_reader(lifeline, self._orphaned, lifeline)
        server = await loop.create_server(
            lambda: ServerProtocol(config, self._state, {}, loop), sock=listening, backlog=2048
        )
        await gateway.budgets.refresh()
        gateway.accounts.start(at_once=gateway.settings.database_url is not None)
        beat = asyncio.create_task(Beat(gateway, self._look).run())
        gc.collect()
        gc.freeze()  # what is there now stays, and need not be looked at again
        gc.set_threshold(50_000, 20, 50)
        if announce:
            self._announce()
        await self._stopping.wait()
        server.close()
        await self._drain()
        beat.cancel()
        await Beat(gateway, lambda: None).once()
        await self._close()

    def _announce(self) -> None:
        gateway = self.gateway
        host = gateway.settings.host
        near = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host)  # noqa: S104 - a name for everywhere
        shown = near or (f"[{host}]" if ":" in host else host)
        with contextlib.suppress(OSError, ValueError):
            print(f"OPENAI_BASE_URL=http://{shown}:{gateway.port}/v1", flush=True)
        where = f"port {gateway.port} of every address" if near else f"http://{shown}:{gateway.port}"
        keys = "clients need a key" if gateway.needs_key else "any key will do"
        say(f"{where} {_does(gateway)}, {keys}; Ctrl-C ends it")

    def _stop(self) -> None:
        """The first signal lets streams end, the second doesn't wait for them."""
        self._hurried = self._stopping.is_set()
        self._stopping.set()

    def _orphaned(self, lifeline: int) -> None:
        asyncio.get_running_loop().remove_reader(lifeline)
        self._stop()

    async def _drain(self) -> None:
        """Let requests end, up to a limit; then cut them, which says so in each stream."""
        gateway = self.gateway
        gateway.draining = True
        gateway.monitor.close()
        for connection in connections_of(self._state):
            connection.shutdown()
        running = len(gateway.monitor.inflight)
        if running:
            say(
                f"stopping; {running} request{'s' * (running != 1)} may take {gateway.settings.drain:g} s to end"
                " (Ctrl-C again ends them now)"
            )
        await self._until_idle(gateway.settings.drain, hurry=True)
        for entry in list(gateway.monitor.inflight.values()):
            gateway.monitor.cancel(entry.id)
        await self._until_idle(_CUT_SECONDS, hurry=False)
        for connection in connections_of(self._state):
            connection.transport.close()

    async def _until_idle(self, seconds: float, hurry: bool) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while self.gateway.monitor.inflight and loop.time() < end and not (hurry and self._hurried):
            await asyncio.sleep(0.05)

    async def _close(self) -> None:
        gateway = self.gateway
        await gateway.accounts.close()
        if gateway.telemetry is not None:
            await asyncio.to_thread(gateway.telemetry.close)
        if gateway.cache is not None:
            await gateway.cache.close()
        await gateway.shared.close()
        self.discard()
        for upstream in gateway.planner.upstreams.values():
            upstream.close()

    # about once a second

    def _look(self) -> None:
        settings = self.gateway.settings
        now = asyncio.get_running_loop().time()
        for connection in connections_of(self._state):
            connection.sweep(now, settings.request_timeout, settings.write_timeout)
        stamp = _stamp(self._path)
        if stamp != self._seen:
            self._seen = stamp
            if stamp is None:
                say(f"{self._path} is gone; the config that was read stays")
            else:
                self._reload()
        if self._keys.blocks:
            self.gateway.background(self._load_keys_aside())
        else:
            self._load_keys()

    def _reload(self) -> None:
        """Read the config anew. One that is wrong is told, and the old one stays."""
        gateway = self.gateway
        try:
            names = read_setup(self._setup, self._env, say, gateway.names)
        except LlmctlError as error:
            hint = f"; {error.hint}" if error.hint else ""
            say(f"the config is not used, the old one stays: {error.message}{hint}")
            return
        before = gateway.settings
        fixed = [name for name in _FIXED if getattr(before, name) != getattr(names.settings, name)]
        settings = replace(names.settings, **{name: getattr(before, name) for name in _FIXED})
        try:
            check_keys(settings, gateway.keyring)
        except LlmctlError as error:
            say(f"the config is not used, the old one stays: {error.message}; {error.hint}")
            return
        gateway.use(replace(names, settings=settings))
        gateway.needs_key = needs_key(settings)
        rest = f"; {', '.join(fixed)} will count from the next start" if fixed else ""
        say(f"the config was read anew{rest}")

    def _load_keys(self) -> None:
        """The clients' keys, where they have changed."""
        try:
            self.gateway.keyring.replace(self._keys.all())
        except (LlmctlError, OSError) as error:
            if not self._keys_lost:
                say(f"the keys can't be read now, those that are known stay: {getattr(error, 'message', error)}")
            self._keys_lost = True
        else:
            self._keys_lost = False

    async def _load_keys_aside(self) -> None:
        """A database may take its time."""
        if not self._loading:
            self._loading = True
            try:
                await asyncio.to_thread(self._load_keys)
            finally:
                self._loading = False


def _does(gateway: Gateway) -> str:
    """What it does, for the line at the start."""
    if gateway.player is not None:
        count = len(gateway.player)
        return f"replays {count} recording{'s' * (count != 1)}"
    count = len(gateway.planner.upstreams)
    return f"serves {count} profile{'s' * (count != 1)}"


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop, where there is one: not on Windows."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def _stamp(path: Path) -> tuple[int, int] | None:
    """What changes when a file does; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
