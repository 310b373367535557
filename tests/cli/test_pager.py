"""Long output on a terminal goes through a pager."""

from __future__ import annotations

import re
import sys

import pytest

LESS = """
import os, signal, sys
signal.signal(signal.SIGINT, lambda *_: os.write(1, b"interrupted\\n"))
text = sys.stdin.read()
print("pager has", len(text.splitlines()), "lines", flush=True)
for line in open("/dev/tty"):
    if line.strip() == "q":
        break
"""


SLOW = """
import os, signal
signal.signal(signal.SIGINT, lambda *_: os.write(1, b"interrupted\\n"))
print("ready", flush=True)
open("/dev/tty").readline()
"""


@pytest.fixture
def pager(work):
    """A pager that says what it got and waits for q."""
    path = work.cli.root / "pager.py"
    path.write_text(LESS)
    return f"{sys.executable} {path}"


@pytest.fixture
def long_list(work):
    table = "".join(f'name{n} = "work/model{n}"\n' for n in range(50))
    work.configure(head=f'current = "work"\n[aliases]\n{table}')
    for n in range(50):
        work.cli.root.joinpath("prompts").mkdir(exist_ok=True)
        (work.cli.root / f"prompts/p{n:02}.toml").write_text(f"prompt = 'Prompt {n}'\n")


@pytest.mark.usefixtures("long_list")
@pytest.mark.parametrize("variable", ["PAGER", "LLMCTL_PAGER"])
def test_the_pager_of_the_user(work, pager, variable):
    terminal = work.terminal("prompt", "list", env={"PAGER": "cat", variable: pager})
    terminal.wait_for("pager has 51 lines")
    terminal.send("q\n")
    assert terminal.wait() == 0


@pytest.mark.usefixtures("long_list")
def test_ctrl_c_is_for_the_pager(work, pager):
    terminal = work.terminal("prompt", "list", env={"PAGER": pager})
    terminal.wait_for("pager has 51 lines")
    terminal.send_key("ctrl-c")
    terminal.wait_for("interrupted")
    terminal.send("q\n")
    assert terminal.wait() == 0


def test_ctrl_c_while_the_pager_has_not_read_all(work, pager):
    """More than a pipe holds: the program still writes when Ctrl-C comes."""
    work("prompt", "add", "big", "-", stdin="line\n" * 50_000).check()
    work.cli.root.joinpath("pager.py").write_text(SLOW + LESS)
    terminal = work.terminal("prompt", "show", "big", env={"PAGER": pager})
    terminal.wait_for("ready")
    terminal.send_key("ctrl-c")
    terminal.wait_for("interrupted")
    terminal.send("go on\n")
    terminal.wait_for(re.compile(r"pager has \d+ lines"))
    terminal.send("q\n")
    assert terminal.wait() == 0


@pytest.mark.usefixtures("long_list")
def test_quitting_before_the_end_is_no_error(work):
    terminal = work.terminal("prompt", "list", env={"PAGER": "true"})
    assert terminal.wait() == 0
    assert "Traceback" not in terminal.screen()


@pytest.mark.usefixtures("long_list")
@pytest.mark.parametrize(
    ("args", "env"),
    [
        (["--no-pager"], {}),
        ([], {"LLMCTL_NO_PAGER": "1"}),
        ([], {"PAGER": ""}),
        ([], {"LLMCTL_PAGER": ""}),
        ([], {"PAGER": "no-such-program"}),
        ([], {"PAGER": "'"}),
    ],
)
def test_without_a_pager_all_is_printed(work, pager, args, env):
    terminal = work.terminal("prompt", "list", *args, env={"PAGER": pager, **env})
    assert terminal.wait() == 0
    assert "p00" in "\n".join(terminal.history())
    assert "p49" in terminal.screen()


def test_what_fits_is_printed(work, pager):
    work("prompt", "add", "one", "text").check()
    terminal = work.terminal("prompt", "list", env={"PAGER": pager})
    assert terminal.wait() == 0
    assert "one" in terminal.screen()


@pytest.mark.usefixtures("long_list")
def test_no_pager_in_a_pipe(work, pager):
    assert work("prompt", "list", env={"PAGER": pager}).check().out.count("\n") >= 50


@pytest.mark.usefixtures("long_list")
def test_an_error_before_the_end_is_not_held_back(work, pager):
    (work.cli.root / "prompts/p07.toml").write_text("prompt =")
    terminal = work.terminal("prompt", "show", "p07", env={"PAGER": pager})
    assert terminal.wait() == 3
