"""A child process whose output is also kept, to be looked at for leaked keys."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import time
from typing import Any

from support.leaks import Recorder

END_TIMEOUT = 10
PAUSE = 0.05


class _KeepingReader(io.RawIOBase):
    """Reads from a pipe and keeps a copy."""

    def __init__(self, pipe: Any, kept: bytearray) -> None:
        self._pipe = pipe
        self._kept = kept

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        number: int = self._pipe.fileno()
        return number

    def readinto(self, buffer: Any) -> int:
        count: int = self._pipe.raw.readinto(buffer)
        self._kept += bytes(buffer[:count])
        return count

    def close(self) -> None:
        self._pipe.close()
        super().close()


class Process(subprocess.Popen[bytes]):
    """Popen with binary pipes, in a session of its own (so without the developer's terminal)."""

    def __init__(self, command: list[str], *, stdin: int = subprocess.PIPE, **options: Any) -> None:
        pipe = subprocess.PIPE
        super().__init__(command, stdin=stdin, stdout=pipe, stderr=pipe, start_new_session=True, **options)
        self._kept = {"stdout": bytearray(), "stderr": bytearray()}
        self.stdout = io.BufferedReader(_KeepingReader(self.stdout, self._kept["stdout"]))
        self.stderr = io.BufferedReader(_KeepingReader(self.stderr, self._kept["stderr"]))

    def communicate(self, input: bytes | None = None, timeout: float | None = None) -> tuple[bytes, bytes]:
        out, err = super().communicate(input, timeout)
        self._kept["stdout"] += out
        self._kept["stderr"] += err
        return out, err

    def end(self, recorder: Recorder, source: str) -> None:
        """End the process and what it started, close the pipes, record the output."""
        if self.poll() is None:
            kill_group(self)
        for pipe in (self.stdout, self.stderr):
            if pipe and not pipe.closed:
                os.set_blocking(pipe.fileno(), False)
                with contextlib.suppress(OSError):
                    pipe.read()
                pipe.close()
        if self.stdin and not self.stdin.closed:
            with contextlib.suppress(OSError):
                self.stdin.close()
        for name, data in self._kept.items():
            recorder.add(f"{name} of {source}", bytes(data))


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that leads its own session, with its children."""
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait(END_TIMEOUT)


def wait_ended(pid: int, timeout: float = END_TIMEOUT) -> None:
    """Wait until a process that is no child of ours has ended; fails the test when it doesn't."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False).stdout
        if not status.strip() or status.startswith(b"Z"):  # ended, only nobody has asked for its exit code yet
            return
        time.sleep(PAUSE)
    raise AssertionError(f"process {pid} was still running after {timeout} s")
