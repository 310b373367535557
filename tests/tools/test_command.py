"""Shell commands as tools. Whatever a model writes, the shell does not read it as code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmctl.client.blocking import drive
from llmctl.errors import UsageError
from llmctl.tools.command import MOST, parse_tool_command, shell_script
from llmctl.tools.tool import ToolFailed
from support.process import wait_ended

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")

EVIL = """'; echo pwned; "$(echo pwned)" `echo pwned` \\ ${HOME} $((1+1)) # \n echo pwned"""
TEXT = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=60)


def run(text: str, seconds: float = 60, **values: str) -> str:
    return drive(parse_tool_command(text, seconds).call(dict(values)))


def test_a_command_with_placeholders() -> None:
    tool = parse_tool_command("greet: echo {greeting} {name} {greeting}")
    assert tool.schema()["function"] == {
        "name": "greet",
        "description": "Runs: echo {greeting} {name} {greeting}",
        "parameters": {
            "type": "object",
            "properties": {"greeting": {"type": "string"}, "name": {"type": "string"}},
            "required": ["greeting", "name"],
        },
    }
    assert (tool.source, tool.needs_loop) == ("command", False)
    assert drive(tool.call({"greeting": "Hello,", "name": "World"})) == "Hello, World Hello,\n"


def test_a_description_of_its_own() -> None:
    tool = parse_tool_command("disk-use - Space used on a disk: df -h {disk} | tail -1; echo a:b")
    assert (tool.name, tool.description) == ("disk-use", "Space used on a disk")
    assert parse_tool_command("get-it: echo a - b: c").description == "Runs: echo a - b: c"


@pytest.mark.parametrize(
    "text", ["", "echo hi", "na me: echo", "é: echo", f"{'a' * 65}: echo", "name:", "name:  "]
)
def test_what_is_no_definition(text: str) -> None:
    with pytest.raises(UsageError, match="not of the form 'name: command'"):
        parse_tool_command(text)


def test_arithmetic_would_run_what_a_value_holds() -> None:
    with pytest.raises(UsageError, match="can't stand beside"):
        parse_tool_command("add: echo $(( {a} + 1 ))")


@pytest.mark.parametrize(
    ("template", "what"),
    [
        ('echo "$(printf %s "{x}")"', "$("),
        ("echo `echo {x}`", "`"),
        ("cat <<E\n{x}\nE", "here-document"),
        ("[[ {x} -gt 1 ]]", "[["),
        ("echo $[ {x} + 1 ]", "$["),
        ("true; let a={x}", "let"),
        ("echo $'a\\'' {x}", "$'"),
        ("echo a # don't\necho '{x}'", "comment"),
    ],
)
def test_where_a_value_would_not_be_one_word(template: str, what: str) -> None:
    with pytest.raises(UsageError, match=f"can't stand beside .*{re.escape(what)}.*one word"):
        parse_tool_command(f"t: {template}")
    parse_tool_command(f"t: {template.replace('{x}', '1')}")


@pytest.mark.parametrize(
    "template", ["awk '/`[[<<let $(/' {x}", 'echo "[[ << let" {x}', "outlet {x} # note", "echo \\$\\(a {x}"]
)
def test_what_only_looks_like_it(template: str) -> None:
    parse_tool_command(f"t: {template}")


@pytest.mark.parametrize(
    "template",
    [
        "printf %s {x}",
        "printf %s '{x}'",
        'printf %s "{x}"',
        "printf '%s' ''{x}''",
        "echo 'it'\\''s' >/dev/null; printf %s {x}",
        'echo "a \\" \'" >/dev/null; printf %s {x}',
        "printf %s $(printf %s {x}; printf .)",
        "f() { printf %s {x}; }; f other",
    ],
)
@given(value=TEXT)
@example(value=EVIL)
@example(value="-n *")
def test_a_value_is_one_word_wherever_it_stands(template: str, value: str) -> None:
    if "$(" in template:  # the shell splits what a command prints: that is the template's own doing
        script, _ = shell_script(template)
        assert "pwned" not in script
        return
    script, names = shell_script(template)
    assert names == ["x"]
    assert value not in script or len(value) < 20  # it never becomes part of the program
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, env={"LLMCTL_TOOL_x": value}, check=True)
    assert done.stdout == value.encode()


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("echo a b | awk '{{print $2}}'", "b\n"),
        ("x=1; echo ${x}", "1\n"),
        ("{ echo a; }", "a\n"),
        ("echo {a,b}", "{a,b}\n"),
        ("echo \\{x}", "{x}\n"),
        ("echo '\\' {{x}}", "\\ {x}\n"),
    ],
)
def test_braces_of_the_shell(template: str, expected: str) -> None:
    assert run(f"t: {template}") == expected


@given(st.text(max_size=40))
def test_any_template_can_be_read(template: str) -> None:
    script, names = shell_script(template)
    assert all(f"{{LLMCTL_TOOL_{name}}}" in script for name in names)
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("echo out; echo bad >&2; exit 3", "exit code 3:\nbad\nout"),
        ("exit 4", "exit code 4, and no output"),
        ("kill -9 $$", "exit code -9"),
        ("nosuchcommand", "exit code 127:\n"),
    ],
)
def test_a_failing_command(command: str, expected: str) -> None:
    with pytest.raises(ToolFailed) as failure:
        run(f"t: {command}")
    assert str(failure.value).startswith(expected)


def test_a_command_that_says_nothing() -> None:
    assert run("t: true") == "(no output)"
    assert run("t: echo only a warning >&2") == "(no output)"


def test_a_command_reads_nothing_of_ours() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"ours\n")
    os.close(writer)
    saved = os.dup(0)
    os.dup2(reader, 0)
    try:
        assert run("t: cat; echo end") == "end\n"
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(reader)


def test_a_long_output_is_cut_and_said_to_be() -> None:
    text = run("t: head -c 250000 /dev/zero | tr '\\0' x")
    assert text.startswith("x" * MOST)
    assert text.endswith(f"x\n[cut here: 250000 bytes in all, {MOST} shown]")


def test_a_slow_command_is_ended_with_all_it_started(tmp_path: Any) -> None:
    with pytest.raises(ToolFailed, match=r"ended after 0\.3 s"):
        run(f"t: echo $$ >{tmp_path}/pid; sleep 1000 & echo $! >{tmp_path}/child; wait", seconds=0.3)
    for name in ("pid", "child"):
        wait_ended(int((tmp_path / name).read_text()))


def test_a_child_that_keeps_the_output_open_is_not_waited_for(tmp_path: Any) -> None:
    pid = tmp_path / "pid"
    assert run(f"t: echo done; sleep 1000 & echo $! >{pid}") == "done\n"
    subprocess.run(["kill", pid.read_text().strip()], check=True)


def test_a_command_that_closes_its_output_is_waited_for(tmp_path: Any) -> None:
    fifo, mark = tmp_path / "fifo", tmp_path / "mark"
    assert run(f"t: mkfifo {fifo}; (cat {fifo} >/dev/null; touch {mark}) & exec >&-; echo >{fifo}; wait") == (
        "(no output)"
    )
    assert mark.exists()


def test_bad_values() -> None:
    with pytest.raises(ToolFailed, match="null byte"):
        run("t: echo {x}", x="a\0b")
    with pytest.raises(ToolFailed, match="too long"):
        run("t: echo {x}", x="a" * 3_000_000)
