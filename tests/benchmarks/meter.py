"""What a process uses, read where Linux keeps it, and whether there is anything to compare with."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import pytest


def need_peers() -> None:
    """Skip where the programs to compare with are missing, or fail where they are required."""
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc, and pins processes to cores")
    if any(name.startswith(("COVERAGE_RUN", "COVERAGE_PROCESS")) for name in os.environ):
        pytest.skip("coverage would be measured along")
    missing = [program for program in ("nginx", "wrk") if shutil.which(program, path=programs_path()) is None]
    if missing:
        reason = f"needs {' and '.join(missing)}"
        if os.environ.get("LLMCTL_REQUIRE_PEERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


def programs_path() -> str:
    """Debian keeps nginx where only root's PATH leads."""
    return f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"


def cpu_seconds(pid: int) -> float:
    """User and system time of all its threads, of those that ended as well."""
    return time.clock_gettime(~pid << 3 | 2)  # what clock_getcpuclockid(3) makes of a pid


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


class Cpu:
    """CPU that a process has spent since this was made, which may be all its own background work."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before = cpu_seconds(pid)

    def us(self, count: int) -> float:
        """Microseconds for each of so many."""
        return (cpu_seconds(self._pid) - self._before) * 1e6 / count


def waited_seconds(pid: int) -> float:
    """How long its main thread was ready to run, while others had the core."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
