"""Debian's redis-server on a free port of the loopback interface, in a process of its own.

`redis_binary()` skips the test where there is none (or fails it, where peers are required).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

import pytest

READY_TIMEOUT = 20
STOP_TIMEOUT = 10
PAUSE = 0.02


def redis_binary() -> str:
    """The program's path."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        reason = "needs redis-server or valkey-server"
        if os.environ.get("LLMCTL_REQUIRE_PEERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return program


class RedisServer:
    """A server that keeps nothing on disk. `stop` and `start` may be called again and again: the port stays."""

    def __init__(self, folder: Path, password: str = "") -> None:
        self._program = redis_binary()
        self._folder = folder
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    @property
    def url(self) -> str:
        return f"redis://{f':{self._password}@' if self._password else ''}127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """Of the process, so that a test can stop it with a signal."""
        assert self._process
        return self._process.pid

    def start(self) -> None:
        """Begin, empty, and wait until it answers."""
        command = [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        command += ["--save", "", "--appendonly", "no"]
        command += ["--requirepass", self._password] if self._password else []
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self._wait_ready(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Kill it, also where it was stopped by a signal."""
        if self._process:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT)
            self._process = None

    def __enter__(self) -> RedisServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise AssertionError(f"{self._program} ended with {process.returncode}")
            if self._answers():
                return
            time.sleep(PAUSE)
        raise AssertionError(f"{self._program} was not ready in {READY_TIMEOUT} s")

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False
