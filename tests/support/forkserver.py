"""Runs the command line without paying for its imports each time: as a fork of one process that has made them.

Most of what a short run costs is starting Python and importing. Everything else is as in a process of its own:
arguments, environment, folder, files, exit code. Linux only (pidfd_open).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.leaks import Recorder

PROGRAM = Path(__file__).with_name("forkserver_main.py")
READ_AT_START = ("PYTHON", "LANG", "LC_", "TZ")
"""The beginnings of variables that Python reads at its start, and so not in a fork."""
MOST_BYTES = 1 << 16


class Forkserver:
    """Starts its process with the first run."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def run(self, args: Sequence[str], env: Mapping[str, str], cwd: Path, with_stdin: bool) -> ForkedProcess:
        """`llmctl ARGS` with this whole environment; without `with_stdin` its standard input is empty."""
        stdin, to_stdin = os.pipe() if with_stdin else (os.open(os.devnull, os.O_RDONLY), None)
        (out, stdout), (err, stderr), (told, report) = os.pipe(), os.pipe(), os.pipe()
        what = os.memfd_create("run")
        os.pwrite(what, json.dumps({"args": args, "env": dict(env), "cwd": str(cwd)}).encode(), 0)
        theirs = [stdin, stdout, stderr, report, what]
        socket.send_fds(self._started(), [b"x"], theirs)
        for number in theirs:
            os.close(number)
        return ForkedProcess(to_stdin, out, err, told)

    def close(self) -> None:
        if self._process and self._control:
            self._control.close()
            self._process.wait(10)

    def _started(self) -> socket.socket:
        if self._control is None:
            self._control, theirs = socket.socketpair()
            self._process = subprocess.Popen(
                [sys.executable, str(PROGRAM), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "LANG": "C.UTF-8"},
            )
            theirs.close()
        return self._control


class ForkedProcess:
    """One run, in the manner of `subprocess.Popen`."""

    def __init__(self, stdin: int | None, stdout: int, stderr: int, told: int) -> None:
        self._stdin = stdin
        self._output = {number: bytearray() for number in (stdout, stderr, told)}
        self._told = self._output[told]
        self._threads = [
            threading.Thread(target=self._read, args=[number], daemon=True) for number in self._output
        ]
        for thread in self._threads:
            thread.start()

    @property
    def returncode(self) -> int | None:
        """Negative: the number of the signal that ended it."""
        said = self._told.split()
        return int(said[1]) if len(said) == 2 else None

    def communicate(self, data: bytes | None, timeout: float) -> tuple[bytes, bytes]:
        """Give it its standard input, and read until it has ended and closed its output."""
        end = time.monotonic() + timeout
        if self._stdin is not None:
            writer = threading.Thread(target=self._write, args=[self._stdin, data or b""], daemon=True)
            writer.start()
            self._threads.append(writer)
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
            if thread.is_alive():
                raise subprocess.TimeoutExpired("llmctl", timeout, *self._written())
        return self._written()

    def end(self, recorder: Recorder, source: str) -> None:
        """End the process and what it started, and record the output."""
        said = self._told.split()
        if said and self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(said[0]), signal.SIGKILL)
        for name, data in zip(("stdout", "stderr"), self._written(), strict=True):
            recorder.add(f"{name} of {source}", data)

    def _written(self) -> tuple[bytes, bytes]:
        stdout, stderr, _ = self._output.values()
        return bytes(stdout), bytes(stderr)

    def _read(self, number: int) -> None:
        with open(number, "rb", buffering=0) as pipe:
            while data := pipe.read(MOST_BYTES):
                self._output[number] += data

    def _write(self, number: int, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError), open(number, "wb") as pipe:
            pipe.write(data)
