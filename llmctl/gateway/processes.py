"""What Linux tells of processes under /proc; elsewhere nothing is known."""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Iterator


def resident_bytes() -> int | None:
    """Memory of this process, where the system tells it (Linux)."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * mmap.PAGESIZE


def port_holder(port: int) -> str | None:
    """Who listens on a TCP port of this machine, as "name (process 123)"; None where that can't be seen."""
    try:
        inodes = {line.split()[9] for line in _sockets() if _listens(line, port)}
        for process in os.listdir("/proc"):
            if process.isdigit() and inodes & _inodes_of(process):
                with open(f"/proc/{process}/comm", encoding="utf-8", errors="replace") as file:
                    return f"{file.read().strip()} (process {process})"
    except (OSError, IndexError):
        pass  # no Linux, or a process that has just ended
    return None


def _sockets() -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), open(table, encoding="ascii") as file:
            yield from file.readlines()[1:]


def _listens(line: str, port: int) -> bool:
    words = line.split()
    return words[3] == "0A" and int(words[1].rpartition(":")[2], 16) == port


def _inodes_of(process: str) -> set[str]:
    """The sockets that a process has open; none where we may not look."""
    found = set()
    with contextlib.suppress(OSError):
        for number in os.listdir(f"/proc/{process}/fd"):
            with contextlib.suppress(OSError):
                link = os.readlink(f"/proc/{process}/fd/{number}")
                if link.startswith("socket:["):
                    found.add(link[8:-1])
    return found
