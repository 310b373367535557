"""A program on a real pseudo-terminal, its screen drawn by pyte."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pyte

from support.leaks import Recorder
from support.process import kill_group

SCROLLBACK = 100_000
POLL = 0.05

# A child gets its controlling terminal only by asking for it, so this asks and then becomes the program.
_LAUNCHER = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)
# Keyboard-protocol sequences that pyte would print instead of ignoring.
_UNKNOWN_TO_PYTE = re.compile(rb"\x1b\[[<=>][0-9;]*[a-zA-Z]")

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "shift-tab": "\x1b[Z",
    "backspace": "\x7f",
    "delete": "\x1b[3~",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "page-up": "\x1b[5~",
    "page-down": "\x1b[6~",
}


class _Screen(pyte.HistoryScreen):
    """A screen that answers the program's questions (where is the cursor?) like a terminal."""

    def __init__(self, cols: int, rows: int, answer: Callable[[str], None]) -> None:
        super().__init__(cols, rows, history=SCROLLBACK)
        self._answer = answer

    def write_process_input(self, data: str) -> None:
        self._answer(data)


class Terminal:
    """The running program. `wait_for` and `wait` read what it prints; nothing is read in between."""

    def __init__(
        self, command: list[str], *, env: Mapping[str, str], cwd: Path, rows: int = 24, cols: int = 80
    ) -> None:
        self._master, slave = os.openpty()
        self._raw = bytearray()
        self._ended = False
        self._screen = _Screen(cols, rows, self.send)
        self._stream = pyte.ByteStream(self._screen)
        self._set_size(rows, cols)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**env, "TERM": "xterm-256color"},
            cwd=cwd,
            start_new_session=True,
        )
        os.close(slave)

    # input

    def send(self, text: str) -> None:
        """Type the text, as it is."""
        os.write(self._master, text.encode())

    def send_key(self, name: str) -> None:
        """Press a key: one of KEYS, or ctrl-a to ctrl-z."""
        self.send(chr(ord(name[-1]) - 96) if re.fullmatch(r"ctrl-[a-z]", name) else KEYS[name])

    def resize(self, rows: int, cols: int) -> None:
        self._screen.resize(rows, cols)
        self._set_size(rows, cols)

    # output

    @property
    def raw(self) -> bytes:
        """Every byte read so far."""
        return bytes(self._raw)

    def screen(self) -> str:
        """The visible lines, without trailing blanks."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip("\n")

    def history(self) -> list[str]:
        """All lines: those that have scrolled away, then the visible ones."""
        columns = range(self._screen.columns)
        gone = ["".join(line[at].data for at in columns).rstrip() for line in self._screen.history.top]
        return [*gone, *self.screen().split("\n")]

    # waiting

    def wait_for(self, what: str | re.Pattern[str], timeout: float = 20, *, scrolled: bool = False) -> Terminal:
        """Read until the text (or the match) is on the screen, or with `scrolled` anywhere in the history."""

        def shows() -> bool:
            text = "\n".join(self.history()) if scrolled else self.screen()
            return what in text if isinstance(what, str) else bool(what.search(text))

        return self.wait_until(shows, f"show {what!r}", timeout)

    def wait_until(self, condition: Callable[[], bool], what: str, timeout: float = 20) -> Terminal:
        """Read until the condition holds."""
        deadline = time.monotonic() + timeout
        while not condition():
            self._fail_if(self._ended, f"the program ended with {self._process.poll()} and didn't {what}")
            self._fail_if(time.monotonic() >= deadline, f"the program didn't {what} in {timeout} s")
            self._read(POLL)
        return self

    def wait(self, timeout: float = 20) -> int:
        """Read until the program has ended; its exit code (negative: the signal that ended it)."""
        deadline = time.monotonic() + timeout
        while self._process.poll() is None:
            self._fail_if(time.monotonic() >= deadline, f"the program was still running after {timeout} s")
            self._read(POLL)
        while self._read(0):
            pass
        return int(self._process.returncode)

    def close(self, recorder: Recorder, source: str) -> None:
        """End the program if it runs, and record what it printed."""
        if self._process.poll() is None:
            kill_group(self._process)
        while self._read(0):
            pass
        os.close(self._master)
        recorder.add(f"the terminal of {source}", self.raw)

    # the pseudo-terminal

    def _read(self, timeout: float) -> bool:
        """Read what is there; False when nothing came."""
        if self._ended:
            return False
        if not select.select([self._master], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux says so when the last program has closed the terminal
            data = b""
        self._ended = not data
        self._raw += data
        self._stream.feed(_UNKNOWN_TO_PYTE.sub(b"", data))
        return bool(data)

    def _set_size(self, rows: int, cols: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def _fail_if(self, failed: bool, why: str) -> None:
        if failed:
            frame = "-" * self._screen.columns
            raise AssertionError(f"{why}; its screen:\n{frame}\n{self.screen()}\n{frame}")
