"""Fixtures for all tests, and the check that no test key leaks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from support.cli import Cli
from support.forkserver import Forkserver
from support.leaks import recorder
from support.upstream import Upstream

settings.register_profile("llmctl", settings(), deadline=None)  # how fast a machine is, is no test's business
settings.load_profile("llmctl")

os.environ["PYTHONSAFEPATH"] = "1"  # programs that tests start import the installed llmctl, not the checkout's


@pytest.fixture(scope="session")
def forkserver() -> Iterator[Forkserver | None]:
    """What runs the command line, where forking can be followed."""
    server = Forkserver() if hasattr(os, "pidfd_open") else None
    yield server
    if server:
        server.close()


@pytest.fixture
def cli(tmp_path: Path, forkserver: Forkserver | None) -> Iterator[Cli]:
    """The installed command line in a home of its own."""
    runner = Cli(tmp_path, forkserver=forkserver)
    yield runner
    runner.close()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A scripted upstream on the loopback interface."""
    with Upstream() as server:
        yield server


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker of pytest-xdist is done: its findings count here."""
    recorder.findings.extend(getattr(node, "workeroutput", {}).get("leaks", []))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Every test may have passed: a leaked key fails the session all the same."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["leaks"] = list(recorder.findings)
    if recorder.findings and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if recorder.findings:
        terminalreporter.section("leaked test keys", red=True, bold=True)
        for finding in dict.fromkeys(recorder.findings):
            terminalreporter.line(finding)
