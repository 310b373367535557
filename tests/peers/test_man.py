"""The manual page in the two readers of manual pages that there are."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.cli import Cli

pytestmark = pytest.mark.peer


@pytest.fixture
def page(cli: Cli, tmp_path: Path) -> Path:
    path = tmp_path / "llmctl.1"
    path.write_bytes(cli.run("help", "--man").check().out_bytes)
    return path


def program(name: str) -> str:
    """Its path; without it the test fails or is skipped."""
    path = shutil.which(name)
    if path is None:
        if os.environ.get("LLMCTL_REQUIRE_PEERS") == "1":
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return path


def read(command: list[str], columns: int = 80) -> tuple[str, str]:
    """(what it prints, what it complains about)"""
    env = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": str(columns), "MAN_KEEP_FORMATTING": ""}
    done = subprocess.run(command, env=env, capture_output=True, check=True, timeout=30)
    return done.stdout.decode(), done.stderr.decode()


def test_mandoc_has_nothing_to_complain_about(page: Path) -> None:
    assert read([program("mandoc"), "-Tlint", str(page)]) == ("", "")


def test_groff_warns_about_nothing(page: Path) -> None:
    _, complaints = read([program("man"), "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(page)])
    assert complaints == ""


def test_what_is_read_is_what_was_written(page: Path) -> None:
    text, _ = read([program("man"), "-E", "UTF-8", "-P", "cat", "-l", str(page)], columns=200)
    assert "llmctl - one command line for every OpenAI-compatible provider" in text
    assert 'until llmctl chat "Hi"; do [ $? = 6 ] || break; sleep 60; done' in text
    assert "-p, --profile NAME" in text
    assert "jq -rj 'select(.type == \"text\").text'" in text
    assert "130  Ctrl-C: partial answer kept" in text


def test_on_a_terminal_the_page_is_opened(cli: Cli) -> None:
    program("man")
    terminal = cli.terminal("help", "--man", env={"MANPAGER": "cat"}, cols=100)
    assert terminal.wait() == 0
    assert terminal.history()[0].startswith("LLMCTL(1)")
    assert not any(line.startswith(".TH") for line in terminal.history())


def test_with_no_pager_the_roff_is_printed_on_a_terminal_too(cli: Cli) -> None:
    terminal = cli.terminal("help", "--man", "--no-pager", cols=100)
    assert terminal.wait() == 0
    assert terminal.history()[0].startswith(".TH LLMCTL 1 ")
