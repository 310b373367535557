"""What differs between POSIX and Windows: terminals, files, processes. Signals have a module of their own."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

POLL_SECONDS = 0.05
_FILES = 65536
"""More open files than anybody needs; macOS names no end, and takes no large number."""


if sys.platform == "win32":
    import msvcrt
    import subprocess

    @contextlib.contextmanager
    def keep_output(wanted: bool) -> Iterator[None]:
        """Nothing to do: Windows discards no output on Ctrl-C."""
        yield

    @contextlib.contextmanager
    def asking() -> Iterator[None]:
        """For a question: no key counts that was typed before."""
        while msvcrt.kbhit():
            msvcrt.getwch()
        yield

    @contextlib.contextmanager
    def raw_keys() -> Iterator[Callable[[], str]]:
        """A function that waits for a key and returns its character or sequence."""

        def read_key() -> str:
            key = msvcrt.getwch()
            return key + msvcrt.getwch() if key in "\x00\xe0" else key

        yield read_key

    def try_lock(handle: int) -> bool:
        """Lock an open file, if nobody else has it."""
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def is_private(path: str | os.PathLike[str]) -> bool:
        """Always true: whose file it is, is told by rules that differ from modes."""
        return True

    def belongs_to_us(path: str | os.PathLike[str]) -> bool:
        """Always true, for the same reason."""
        return True

    def wait_readable(descriptor: int, seconds: float) -> bool:
        """Always true: select knows only sockets here."""
        return True

    def run_instead(command: Sequence[str], env: Mapping[str, str]) -> int:
        """Run a program to its end; its exit code. Ctrl-C reaches it first."""
        with subprocess.Popen(command, env=dict(env)) as child:
            return wait_through_interrupts(child)

    def run_beside(command: Sequence[str], env: Mapping[str, str]) -> int:
        """Run a program to its end while this one lives on; its exit code."""
        return run_instead(command, env)

    def prepare_console() -> None:
        """UTF-8 and escape sequences on the console, which older ones don't have switched on."""
        import ctypes

        kernel = ctypes.windll.kernel32
        kernel.SetConsoleOutputCP(65001)
        kernel.SetConsoleCP(65001)
        for number in (-11, -12):
            handle, mode = kernel.GetStdHandle(number), ctypes.c_ulong()
            if kernel.GetConsoleMode(handle, ctypes.byref(mode)):
                kernel.SetConsoleMode(handle, mode.value | 4)

    def allow_many_files() -> None:
        """Nothing to do: sockets are no files there."""

    def new_group() -> dict[str, int]:
        """Arguments for Popen that put a child into a group of its own."""
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}

    def end_group(child: subprocess.Popen[bytes]) -> None:
        """End a child that was started with `new_group`."""
        child.kill()

else:
    import fcntl
    import termios
    import tty

    @contextlib.contextmanager
    def keep_output(wanted: bool) -> Iterator[None]:
        """In this block Ctrl-C throws away no output that the terminal hasn't shown yet, and keys aren't echoed.

        So none gets into an answer that is being drawn; they wait for the next prompt.
        """
        try:
            before = termios.tcgetattr(0) if wanted else None
        except termios.error:
            before = None
        if before is None:
            yield
            return
        changed = termios.tcgetattr(0)
        changed[3] = (changed[3] | termios.NOFLSH) & ~termios.ECHO
        termios.tcsetattr(0, termios.TCSADRAIN, changed)
        try:
            yield
        finally:
            termios.tcsetattr(0, termios.TCSADRAIN, before)

    @contextlib.contextmanager
    def asking() -> Iterator[None]:
        """For a question inside `keep_output`: keys are echoed, and none that was typed before counts."""
        try:
            before = termios.tcgetattr(0)
        except termios.error:
            yield
            return
        changed = termios.tcgetattr(0)
        changed[3] |= termios.ECHO
        termios.tcsetattr(0, termios.TCSAFLUSH, changed)
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
                if data == b"\x1b" and select.select([0], [], [], POLL_SECONDS)[0]:
                    data += os.read(0, 1024)  # the rest of a sequence
                keys.extend(split_keys(data.decode("utf-8", "replace")) or ["\x04"])
            return keys.pop(0)

        try:
            yield read_key
        finally:
            termios.tcsetattr(0, termios.TCSADRAIN, before)

    def try_lock(handle: int) -> bool:
        """Lock an open file, if nobody else has it."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def is_private(path: str | os.PathLike[str]) -> bool:
        """Whether only the owner can read the file."""
        return os.stat(path).st_mode & 0o077 == 0

    def belongs_to_us(path: str | os.PathLike[str]) -> bool:
        """Whether the file is this user's, or the administrator's."""
        return os.stat(path).st_uid in (os.geteuid(), 0)

    def wait_readable(descriptor: int, seconds: float) -> bool:
        """Whether data or an end can be read within the time."""
        return bool(select.select([descriptor], [], [], seconds)[0])

    def run_instead(command: Sequence[str], env: Mapping[str, str]) -> int:
        """Become the program: same process id, so that signals and the exit code are its own."""
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)  # Python ignores them, which children would inherit
        os.execvpe(command[0], list(command), env)  # noqa: S606 - what the user asked for

    def run_beside(command: Sequence[str], env: Mapping[str, str]) -> int:
        """Run a program to its end while this one lives on; its exit code, 128 + n when signal n ended it.

        Signals sent to this process are passed on. Keys on a terminal reach the program by themselves.
        """
        import subprocess

        children: list[subprocess.Popen[bytes]] = []
        early: list[int] = []

        def pass_on(number: int, _frame: object) -> None:
            if number in (signal.SIGINT, signal.SIGQUIT) and _has_terminal():
                return
            if children:
                children[0].send_signal(number)
            else:
                early.append(number)

        passed = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
        before = {number: signal.signal(number, pass_on) for number in passed}
        try:
            with subprocess.Popen(list(command), env=env) as child:
                children.append(child)
                for number in early:
                    child.send_signal(number)
                code = child.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return code if code >= 0 else 128 - code

    def _has_terminal() -> bool:
        """Whether this process group is in the foreground of a terminal, so that Ctrl-C reaches all of it."""
        for descriptor in (0, 1, 2):
            with contextlib.suppress(OSError):
                return os.tcgetpgrp(descriptor) == os.getpgrp()
        return False

    def prepare_console() -> None:
        """Nothing to do: terminals know UTF-8 and escape sequences."""

    def allow_many_files() -> None:
        """Let this process, and those that it starts, open as many files as they may at all."""
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
        if soft != resource.RLIM_INFINITY and soft < most:
            with contextlib.suppress(OSError, ValueError):  # the system may know another limit
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))

    def new_group() -> dict[str, bool]:
        """Arguments for Popen that put a child into a group of its own."""
        return {"start_new_session": True}

    def end_group(child: subprocess.Popen[bytes]) -> None:
        """End a child that was started with `new_group`, and what it has started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, number)
            end = time.monotonic() + 1
            while child.poll() is None and time.monotonic() < end:
                time.sleep(POLL_SECONDS)


def wait_through_interrupts(child: subprocess.Popen[bytes]) -> int:
    """Wait for a program that has the terminal; its exit code. Ctrl-C is for it alone to answer."""
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue


def show_file(path: Path) -> bool:
    """Open a file in the program that the user has for it; whether one could be started."""
    if sys.platform == "win32":
        try:
            os.startfile(path)  # noqa: S606 - what the user asked for
        except OSError:
            return False
        return True
    import webbrowser

    return webbrowser.open(path.resolve().as_uri())


def speaks(descriptor: int, seconds: float) -> bool:
    """Whether reading will not block for long: a file, or a pipe with data or an end in it."""
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) or wait_readable(descriptor, seconds)


def native_path(name: str) -> str:
    """A file's name as the system's calls take it: they know UTF-8 only where the locale does."""
    if os.name == "nt":
        return name
    return os.fsdecode(name.encode("utf-8", "surrogateescape"))


def shown_path(path: str) -> str:
    """The opposite: a path that the system gave, as text that can be shown and sent."""
    return path if os.name == "nt" else os.fsencode(path).decode("utf-8", "replace")


def split_keys(text: str) -> list[str]:
    """Characters, with the sequences of arrow keys and the like kept whole."""
    return re.findall(r"\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Za-z]|.", text, re.DOTALL)


def inherit(handle: int) -> dict[str, Any]:
    """Arguments for Popen that hand an open file over to a child in a group of its own (not on Windows)."""
    return {"pass_fds": (handle,), **new_group()}
