"""Debian's PostgreSQL on a free port of the loopback interface, with a database of its own.

`postgres_folder()` skips the test where there is none (or fails it, where peers are required).
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from support.leaks import DATABASE_PASSWORD

READY_TIMEOUT = 40
STOP_TIMEOUT = 20
PAUSE = 0.05
PASSWORD = DATABASE_PASSWORD


def postgres_folder() -> Path:
    """Where its programs are."""
    found = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found and not folders:
        reason = "needs PostgreSQL's initdb"
        if os.environ.get("LLMCTL_REQUIRE_PEERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return (folders[-1] if folders else Path(found or "")).parent


class PostgresServer:
    """`stop` and `start` may be called again and again: port and data stay."""

    def __init__(self) -> None:
        self._programs = postgres_folder()
        self._folder = Path(tempfile.mkdtemp(prefix="llmctl-postgres-"))  # its user can't enter root's tmp_path
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: dict[str, Any] = {}
        if os.getuid() == 0:  # which the server refuses
            user = next(name for name in ("postgres", "nobody") if _known(name))
            self._identity = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
            os.chown(self._folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    @property
    def url(self) -> str:
        return f"postgresql://llmctl:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        """Of the process, so that a test can stop it with a signal."""
        assert self._process
        return self._process.pid

    def start(self) -> None:
        """Begin, and wait until it answers."""
        if not (self._folder / "data").exists():
            self._prepare()
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "",
                    "fsync": "off", "max_connections": 20, "shared_buffers": "16MB"}  # fmt: skip
        command = [str(self._programs / "postgres"), "-D", str(self._folder / "data")]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self._folder, start_new_session=True, **self._identity
            )
        try:
            self._wait_ready(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it at once, as a crash would: what is not committed is lost."""
        if self._process:
            self.signal(signal.SIGCONT)
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(STOP_TIMEOUT)
            finally:
                self._process.kill()
                self._process.wait(STOP_TIMEOUT)
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        """To the server and the processes of its connections, which have sessions of their own."""
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.pid)], capture_output=True, check=False)
        for pid in (self.pid, *map(int, children.stdout.split())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query gives."""
        import psycopg

        with psycopg.connect(self.url) as connection:
            return connection.execute(sql).fetchall()  # type: ignore[arg-type]

    def empty(self) -> None:
        """As it was before any gateway came."""
        import psycopg

        with psycopg.connect(self.url) as connection:
            connection.execute("DROP SCHEMA IF EXISTS llmctl CASCADE")

    def __enter__(self) -> PostgresServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _prepare(self) -> None:
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)  # for the server's user, in a folder that only that can enter
        command = [str(self._programs / "initdb"), "-D", str(self._folder / "data"), "-U", "llmctl", "--no-sync"]
        command += ["--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C"]
        subprocess.run(command, check=True, capture_output=True, cwd=self._folder, **self._identity)

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        import psycopg

        deadline = time.monotonic() + READY_TIMEOUT
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise AssertionError(f"postgres ended: {(self._folder / 'log').read_text()[-500:]}")
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(PAUSE)
            else:
                return
        raise AssertionError(f"postgres was not ready in {READY_TIMEOUT} s")


def _known(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
