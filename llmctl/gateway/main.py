"""Listening, and the processes that do: one, or several that share a port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from llmctl.errors import ConfigError, UsageError
from llmctl.gateway.processes import port_holder
from llmctl.gateway.server import Server, say
from llmctl.gateway.setup import Setup, read_setup
from llmctl.platforms import allow_many_files, inherit
from llmctl.signals import on_reload

_RESTART_SECONDS = 1.0


def serve(setup: Setup, env: Mapping[str, str], opens: bool) -> None:
    """Serve until a signal comes. Raises ConfigError where the address can't be had, or the config is wrong."""
    allow_many_files()  # each client and each provider's connection is one
    settings = read_setup(setup, env, lambda line: None).settings
    if settings.workers > 1:
        _serve_many(setup, env, opens, settings.workers)
        return
    server = Server(setup, env)
    with listen(settings.host, settings.port) as listening:
        if opens:
            _open(settings.host, listening)
        server.run(listening, announce=True)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises ConfigError that names who holds the port, where that is known."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise ConfigError(f"{host} is no address of this machine: {error.strerror}") from error
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let two programs share the port
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(2048)
        found.setblocking(False)
    except OSError as error:
        found.close()
        holder = port_holder(port)
        taken = f": {holder} holds it" if holder else f": {error.strerror or error}"
        raise ConfigError(
            f"can't listen on {host}:{port}{taken}", hint="choose another one with --port"
        ) from error
    return found


def _open(host: str, listening: socket.socket) -> None:
    import webbrowser

    shown = f"[{host}]" if ":" in host else host
    webbrowser.open(f"http://{shown}:{listening.getsockname()[1]}/")


def _serve_many(setup: Setup, env: Mapping[str, str], opens: bool, count: int) -> None:
    """Run several processes on one socket, start those anew that die, and pass signals on."""
    if os.name != "posix":
        raise UsageError("--workers needs a Unix system")
    Server(setup, env).discard()  # says what is wrong before anything is started
    settings = read_setup(setup, env, lambda line: None).settings
    with (
        listen(settings.host, settings.port) as listening,
        tempfile.TemporaryDirectory(prefix="llmctl-") as folder,
    ):
        setup = replace(setup, shared=str(Path(folder) / "shared.db"), workers=count)
        workers = _Workers(setup, env, listening)
        if opens:
            _open(settings.host, listening)
        workers.run(count)


class _Workers:
    """The processes of one port."""

    def __init__(self, setup: Setup, env: Mapping[str, str], listening: socket.socket) -> None:
        self._setup, self._env, self._listening = setup, env, listening
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stopping = False
        self._told: list[subprocess.Popen[bytes]] = []  # to stop

    def run(self, count: int) -> None:
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._stop)
        on_reload(self._tell)
        for number in range(count):
            self._processes.append(self._start(announce=number == 0))
        while not self._stopping:
            self._mend()
            time.sleep(0.2)
        for process in self._processes:
            if process not in self._told:  # it was being started when the signal came
                process.terminate()
            process.wait()

    def _mend(self) -> None:
        for number, process in enumerate(self._processes):
            if process.poll() is not None and not self._stopping:
                say(f"a worker ended with {process.returncode}; another one is started")
                time.sleep(_RESTART_SECONDS)
                self._processes[number] = self._start(announce=False)

    def _start(self, announce: bool) -> subprocess.Popen[bytes]:
        number = self._listening.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "llmctl.gateway.worker", str(number), "announce" if announce else "quiet"],
            stdin=subprocess.PIPE,
            env=dict(self._env),
            **inherit(number),  # in a group of its own: a Ctrl-C reaches it through us, once
        )
        assert process.stdin is not None
        process.stdin.write(self._setup.as_json().encode() + b"\n")
        process.stdin.flush()  # it stays open: its end tells the worker that we are gone
        return process

    def _stop(self, number: int, _frame: object) -> None:
        self._stopping = True
        self._told += self._processes
        self._tell(number)

    def _tell(self, number: int) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(number)
