"""Debian's nginx on a free port of the loopback interface, with what a test puts into its `http` block.

`nginx_binary()` skips the test where there is none (or fails it, where peers are required).
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
CONFIG = """
worker_processes 1;
daemon off;
{user}
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {http}
}}
"""


def nginx_binary() -> str:
    """The program's path."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        reason = "needs nginx"
        if os.environ.get("LLMCTL_REQUIRE_PEERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return program


class NginxServer:
    """Listens on `port`, which the block has to name. `errors` is what it has logged."""

    def __init__(self, folder: Path, port: int, http: str) -> None:
        self.port = port
        self._folder = folder
        self._program = nginx_binary()
        user = "user root;" if hasattr(os, "getuid") and os.getuid() == 0 else ""
        (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, user=user, http=http))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def errors(self) -> str:
        return (self._folder / "error.log").read_text()

    def __enter__(self) -> NginxServer:
        command = [self._program, "-e", f"{self._folder}/error.log", "-p", str(self._folder), "-c", "nginx.conf"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self._wait_ready(self._process)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(STOP_TIMEOUT)

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise AssertionError(f"nginx ended with {process.returncode}: {self.errors}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(PAUSE)
            else:
                return
        raise AssertionError(f"nginx was not ready in {READY_TIMEOUT} s")
