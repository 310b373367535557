"""The runner for the command line, tried on small Python programs."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.cli import Cli
from support.leaks import SECOND_KEY, TEST_KEY, Recorder

Start = Callable[[str], Cli]

ECHO = """
import os, signal, sys
def stop(*_):
    os.write(1, b"bye\\n"); sys.exit(130)  # print may be in the middle of a line
signal.signal(signal.SIGINT, stop)
def resized(*_):
    os.write(1, b"size %d %d\\n" % os.get_terminal_size())
signal.signal(signal.SIGWINCH, resized)
print("ready", sys.stdin.isatty(), open("/dev/tty").isatty(), flush=True)
for line in sys.stdin:
    print("got", line.strip().upper(), flush=True)
"""


@pytest.fixture
def leaks() -> Recorder:
    return Recorder()


@pytest.fixture
def start(tmp_path: Path, leaks: Recorder) -> Iterator[Start]:
    """A Cli that runs the given source instead of llmctl."""
    runners: list[Cli] = []

    def make(source: str) -> Cli:
        runners.append(Cli(tmp_path, [sys.executable, "-c", source], leaks))
        return runners[0]

    yield make
    for runner in runners:
        runner.close()


def test_run_is_hermetic(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://localhost:1")
    cli = start("import json, os, sys; print(json.dumps([dict(os.environ), sys.argv[1:], sys.stdin.read()]))")
    env, args, stdin = cli.run("a", "b", stdin="öh", env={"X": "1", "LLMCTL_CONFIG": None}).check().json()
    assert (args, stdin) == (["a", "b"], "öh")
    assert env["HOME"] == str(cli.home)
    assert env["X"] == "1"
    assert not {"HTTPS_PROXY", "LLMCTL_CONFIG"} & set(env)
    assert cli.run().json()[2] == ""


def test_a_run_that_takes_too_long_fails_with_its_output(start: Start) -> None:
    cli = start("import time; print('begun', flush=True); time.sleep(60)")
    with pytest.raises(AssertionError, match=r"still running after 1 s\nstdout: b'begun"):
        cli.run("x", timeout=1)


def test_popen_pipes(start: Start, leaks: Recorder) -> None:
    process = start(f"print(input()); print({TEST_KEY!r})").popen()
    assert process.stdin
    process.stdin.write(b"line\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"line\n"
    process.end(leaks, "llmctl")
    assert leaks.findings == ["TEST_KEY in stdout of llmctl"]


def test_terminal_keys_and_exit_code(start: Start) -> None:
    terminal = start(ECHO).terminal(rows=10, cols=40)
    terminal.wait_for("ready True True")
    terminal.send("hello")
    terminal.send_key("enter")
    terminal.wait_for(re.compile("^got HELLO$", re.MULTILINE))
    terminal.resize(12, 50)
    terminal.wait_for("size 50 12")
    terminal.send_key("ctrl-c")
    assert terminal.wait() == 130
    assert "bye" in terminal.screen()
    assert terminal.raw.startswith(b"ready")


def test_terminal_keeps_what_scrolled_away(start: Start) -> None:
    terminal = start("for n in range(100): print('line', n)").terminal(rows=5)
    assert terminal.wait() == 0
    assert terminal.history()[:2] == ["line 0", "line 1"]
    assert terminal.screen() == "line 96\nline 97\nline 98\nline 99"
    terminal.wait_for("line 3\n", scrolled=True)
    with pytest.raises(AssertionError, match="ended with 0 and didn't show 'line 3"):
        terminal.wait_for("line 3\n")


def test_terminal_that_never_shows_it(start: Start) -> None:
    terminal = start("print('other'); input()").terminal()
    with pytest.raises(AssertionError, match=r"didn't show 'this' in 0.5 s(.|\n)*other"):
        terminal.wait_for("this", timeout=0.5)


def test_terminal_answers_where_the_cursor_is(start: Start) -> None:
    source = "import sys, tty; tty.setcbreak(0); print('\\x1b[6n', flush=True); print(repr(sys.stdin.read(6)))"
    start(source).terminal().wait_for(r"'\x1b[1;1R'")


def test_leaks_in_output_and_files(start: Start, leaks: Recorder) -> None:
    source = "import sys, pathlib; print(sys.argv[1]); pathlib.Path('log').write_text(sys.argv[1])"
    cli = start(source)
    cli.write_config(f'key = "{TEST_KEY}"')
    cli.run(SECOND_KEY)
    cli.close()
    assert leaks.findings == [
        "SECOND_KEY in stdout of llmctl <SECOND_KEY>",
        f"SECOND_KEY in work/log of {_home(cli)}",
    ]


def test_a_key_file_must_be_private(start: Start, leaks: Recorder) -> None:
    cli = start("")
    cli.write_config(TEST_KEY).chmod(0o644)
    cli.close()
    assert leaks.findings == [f"config.toml of {_home(cli)} holds a key, but has mode 644"]


def _home(cli: Cli) -> str:
    return f"{cli.root.parent.name}'s home"
