"""What only POSIX terminals need, and their stand-ins elsewhere. The one module with POSIX-only calls."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

if sys.platform == "win32":

    @contextlib.contextmanager
    def keep_output(wanted: bool) -> Iterator[None]:
        """Nothing to do: Windows discards no output on Ctrl-C."""
        yield

    @contextlib.contextmanager
    def raw_keys() -> Iterator[Callable[[], str]]:
        """A function that waits for a key and returns its character or sequence."""
        import typer

        yield typer.getchar

else:
    import os
    import select
    import termios
    import tty

    @contextlib.contextmanager
    def keep_output(wanted: bool) -> Iterator[None]:
        """Ctrl-C on a terminal throws away output that it hasn't shown yet; not inside this block."""
        try:
            before = termios.tcgetattr(0) if wanted else None
        except termios.error:
            before = None
        if before is None:
            yield
            return
        changed = termios.tcgetattr(0)
        changed[3] |= termios.NOFLSH
        termios.tcsetattr(0, termios.TCSADRAIN, changed)
        try:
            yield
        finally:
            termios.tcsetattr(0, termios.TCSADRAIN, before)

    @contextlib.contextmanager
    def raw_keys() -> Iterator[Callable[[], str]]:
        """A function that waits for a key and returns its character or sequence.

        The terminal stays in this mode for the whole block, so that keys typed ahead aren't lost.
        """
        before = termios.tcgetattr(0)
        tty.setcbreak(0, termios.TCSADRAIN)
        keys: list[str] = []

        def read_key() -> str:
            while not keys:
                data = os.read(0, 1024)
                if data == b"\x1b" and select.select([0], [], [], 0.05)[0]:
                    data += os.read(0, 1024)  # the rest of a sequence
                keys.extend(split_keys(data.decode("utf-8", "replace")) or ["\x04"])
            return keys.pop(0)

        try:
            yield read_key
        finally:
            termios.tcsetattr(0, termios.TCSADRAIN, before)


def split_keys(text: str) -> list[str]:
    """Characters, with the sequences of arrow keys and the like kept whole."""
    import re

    return re.findall(r"\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Za-z]|.", text, re.DOTALL)
