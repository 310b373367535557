"""The program behind `support.forkserver`: imports llmctl once, then forks for every run of it.

Takes the number of a socket. A message on it is one byte with five files: the run's stdin, stdout and stderr,
where to tell of it ("<pid>\\n" at its start, "<exit code>\\n" at its end), and a JSON object {args, env, cwd}.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import llmctl

NOT_IMPORTED = ("llmctl.__main__", "llmctl.gateway", "llmctl.tui")  # run for longer, in processes of their own


def import_llmctl() -> None:
    for module in pkgutil.walk_packages(llmctl.__path__, "llmctl."):
        if not module.name.startswith(NOT_IMPORTED):
            importlib.import_module(module.name)


def serve(control: socket.socket) -> Callable[[], None] | None:
    """Fork for each message; in a fork, what is left to do there. None once the other side has closed."""
    with selectors.PollSelector() as ready:  # an epoll object would be shared with the forks
        ready.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is not control:
                    tell_end(ready, key)
                    continue
                message, files, _, _ = socket.recv_fds(control, 1, 5)
                if not message:
                    return None
                pid = os.fork()
                if not pid:
                    for other in list(ready.get_map().values()):
                        forget(ready, other)
                    return lambda: run(*files)
                *others, report, what = files
                for number in (*others, what):
                    os.close(number)
                ready.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, report))
                os.write(report, f"{pid}\n".encode())


def tell_end(ready: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    pid, report = key.data
    _, status = os.waitpid(pid, 0)
    os.write(report, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    forget(ready, key)


def forget(ready: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    ready.unregister(key.fileobj)
    if key.data is None:
        key.fileobj.close()  # type: ignore[union-attr]  # the socket
    else:
        os.close(key.fd)
        os.close(key.data[1])


def run(stdin: int, stdout: int, stderr: int, report: int, description: int) -> None:
    """Be `python -m llmctl ARGS` in a session of its own."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with open(description, "rb") as file:
        what = json.load(file)
    for number, taken in enumerate((stdin, stdout, stderr)):
        os.dup2(taken, number)
        os.close(taken)
    os.close(report)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        setattr(sys, name, standard_stream(number, getattr(sys, name)))
    os.environ.clear()
    os.environ.update(what["env"])
    os.chdir(what["cwd"])
    sys.argv = ["llmctl", *what["args"]]
    try:
        runpy.run_module("llmctl", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = exit_code(end.code)
    leave(code)


def exit_code(told: object) -> int:
    """What Python makes of the argument of sys.exit: what is no number is said."""
    if told is None or isinstance(told, int):
        return told or 0
    print(told, file=sys.stderr)
    return 1


def leave(code: int) -> None:
    """What Python does at its end, but for freeing all memory: in a fork that copies every page first."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except OSError:
        traceback.print_exc()
        code = 120
    try:
        sys.stderr.flush()
    except OSError:
        code = 120
    os._exit(code)


def standard_stream(number: int, old: Any) -> io.TextIOWrapper:
    """As Python makes it at its start."""
    raw = io.FileIO(number, "wb" if number else "rb", closefd=False)
    buffer = io.BufferedWriter(raw) if number else io.BufferedReader(raw)
    lines = number == 2 or os.isatty(number)
    return io.TextIOWrapper(buffer, encoding=old.encoding, errors=old.errors, line_buffering=lines)


if __name__ == "__main__":
    import_llmctl()
    gc.freeze()
    in_fork = serve(socket.socket(fileno=int(sys.argv[1])))
    if in_fork:
        in_fork()
