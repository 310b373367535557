"""Long output on a terminal goes through a pager."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from typing import TextIO

from llmctl.cli.streams import Streams
from llmctl.platforms import wait_through_interrupts


@contextlib.contextmanager
def paged(streams: Streams) -> Iterator[None]:
    """What the block prints on stdout: through LLMCTL_PAGER, PAGER or less where it is taller than the window.

    Into a pipe, with --no-pager and with a pager that can't be run it is printed as it is.
    """
    command = _pager(streams)
    if not command or not streams.terminal or streams.settings.no_pager:
        yield
        return
    terminal = sys.stdout
    sys.stdout = held = _Held(terminal)
    try:
        yield
    finally:
        sys.stdout = terminal
    text = held.getvalue()
    if _rows(text) < shutil.get_terminal_size().lines or not _page(command, text):
        streams.out(text, end="")


class _Held(io.StringIO):
    """Keeps the text, and looks like the terminal that it will go to."""

    def __init__(self, terminal: TextIO) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._terminal.fileno()


def _pager(streams: Streams) -> list[str]:
    named = streams.env.get("LLMCTL_PAGER", streams.env.get("PAGER", "less"))
    try:
        return shlex.split(named, posix=os.name != "nt")
    except ValueError:
        return []


def _rows(text: str) -> int:
    width = max(1, shutil.get_terminal_size().columns)
    return sum(1 + max(0, len(line) - 1) // width for line in text.splitlines())


def _page(command: list[str], text: str) -> bool:
    """Whether the pager was run. `q` before the end is no error."""
    import subprocess

    env = {"LESS": "FRX", "LV": "-c", **os.environ}
    try:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, env=env)
    except OSError:
        return False
    assert child.stdin is not None
    with contextlib.suppress(OSError, KeyboardInterrupt):  # Ctrl-C is a key of the pager
        child.stdin.write(text.encode("utf-8", "replace"))
    with contextlib.suppress(OSError):
        child.stdin.close()
    wait_through_interrupts(child)
    return True
