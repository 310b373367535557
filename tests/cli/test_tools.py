"""`llmctl chat` with tools: what is shown, who is asked, what is sent, what is said in --json."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from support import wire
from support.leaks import SECOND_KEY
from support.process import wait_ended
from support.upstream import Reply

KIT = '''
import pathlib, subprocess, sys, time

def add(a: int, b: int) -> int:
    """Adds two numbers."""
    pathlib.Path("ran").write_text(f"{a}+{b}")
    return a + b

def loud(n: int = 1) -> str:
    print("printed by the tool")
    subprocess.run([sys.executable, "-c", "print('printed by its child')"])
    return "quiet"

def wait() -> str:
    pathlib.Path("waiting").touch()
    time.sleep(1000)
    return "never"

async def wait_async() -> str:
    import asyncio
    pathlib.Path("waiting").touch()
    await asyncio.sleep(1000)
    return "never"
'''
ASK = "Run it? [y]es, [n]o, [a]lways this tool, [q]uit:"


def calls(*pairs, usage=None):
    """A streamed answer that calls these tools (name, arguments)."""
    fragments = [
        wire.tool_call(name, arguments, id=f"call_{at + 1}", index=at)
        for at, (name, arguments) in enumerate(pairs)
    ]
    end = [wire.usage_chunk(usage)] if usage else []
    chunks = [wire.chunk(tool_calls=[fragment]) for fragment in fragments]
    return Reply.sse(*chunks, wire.chunk(finish="tool_calls"), *end)


def says(text, usage=None):
    return Reply.sse(*wire.text_stream(text, usage=usage))


ADD = ("add", '{"a": 1, "b": 2}')


@pytest.fixture
def kit(cli):
    """The options that load the file with the tools."""
    (cli.cwd / "kit.py").write_text(KIT)
    return ["--tool", "kit.py"]


@pytest.fixture
def told(upstream):
    """told(): what the tools' results in the latest request say."""
    return lambda: [m["content"] for m in upstream.last.json()["messages"] if m["role"] == "tool"]


def test_calls_and_results_are_shown_on_stderr_only(work, upstream, kit, told):
    upstream.script(calls(ADD), says("It is 3."))
    result = work.chat(*kit, "--yes-tools").check()
    assert result.out == "It is 3.\n"
    assert "add(a=1, b=2)" in result.err
    assert "add: 3" in result.err
    assert told() == ["3"]


def test_what_a_tool_prints_does_not_mix_with_the_answer(work, upstream, kit):
    upstream.script(calls(("loud", "{}")), says("Done."))
    result = work.chat(*kit, "--yes-tools").check()
    assert result.out == "Done.\n"
    assert "printed by the tool" in result.err
    assert "printed by its child" in result.err
    upstream.script(calls(("loud", "{}")), says("Done."))
    assert work.chat(*kit, "--yes-tools", "--json").check().json()["content"] == "Done."


def test_text_before_a_call_stays(work, upstream, kit):
    call = wire.tool_call("add", ADD[1], index=0)
    upstream.script(
        Reply.sse(wire.chunk("Let me see."), wire.chunk(tool_calls=[call]), wire.chunk(finish="tool_calls")),
        says("3"),
    )
    assert work.chat(*kit, "--yes-tools").check().out == "Let me see.\n3\n"


def test_json(work, upstream, kit):
    upstream.script(
        calls(ADD, ("add", '{"a": "x"}'), usage=wire.usage(10, 2)), says("It is 3.", usage=wire.usage(20, 5))
    )
    answer = work.chat(*kit, "--yes-tools", "--json").check().json()
    good, bad = answer["tool_runs"]
    assert good.pop("ms") >= 0
    assert good == {
        "id": "call_1",
        "name": "add",
        "arguments": {"a": 1, "b": 2},
        "result": "3",
        "error": False,
        "approved": True,
    }
    assert (bad["error"], bad["approved"], bad["arguments"]) == (True, False, '{"a": "x"}')
    assert (answer["content"], answer["rounds"], answer["tool_calls"]) == ("It is 3.", 2, [])
    assert answer["usage"]["total_tokens"] == 37
    assert answer["usage"]["cached_tokens"] is None


def test_cost_is_that_of_all_rounds(work, upstream, kit, cli):
    work.configure('\n[prices."work/test-model"]\ninput = 1.0\noutput = 10.0')
    upstream.script(calls(ADD, usage=wire.usage(10, 2)), says("3", usage=wire.usage(20, 5)))
    result = work.chat(*kit, "--yes-tools", "--json", "--usage").check()
    assert result.json()["cost"] == pytest.approx((30 * 1.0 + 7 * 10.0) / 1e6)
    assert "30 in" in result.err


def test_jsonl(work, upstream, kit):
    upstream.script(calls(ADD), says("3"))
    events = work.chat(*kit, "--yes-tools", "--jsonl").check().jsonl()
    kinds = [event["type"] for event in events]
    assert kinds.index("tool_call") < kinds.index("tool_result") < kinds.index("text")
    result = events[kinds.index("tool_result")]
    assert result.pop("ms") >= 0
    assert result == {"type": "tool_result", "id": "call_1", "name": "add", "content": "3", "is_error": False}
    assert (events[-1]["type"], events[-1]["rounds"], len(events[-1]["tool_runs"])) == ("done", 2, 1)


def test_without_tools_nothing_is_added(work, upstream):
    upstream.script(says("Hi"))
    answer = work.chat("--json").check().json()
    assert "tool_runs" not in answer
    assert "rounds" not in answer


def test_no_terminal_and_not_allowed(work, upstream, kit, told, cli):
    upstream.script(calls(ADD, ADD), says("Well."))
    result = work.chat(*kit).check()
    assert result.out == "Well.\n"
    assert result.err.count("add was not run") == 1
    assert "--allow-tool add" in result.err
    assert "--yes-tools" in result.err
    assert told() == ["the user did not allow this call"] * 2
    assert not (cli.cwd / "ran").exists()


@pytest.mark.parametrize(("pattern", "runs"), [("add", True), ("a*", True), ("loud", False), ("ad", False)])
def test_allowed_by_name(work, upstream, kit, told, pattern, runs):
    upstream.script(calls(ADD), says("3"))
    work.chat(*kit, "--allow-tool", pattern).check()
    assert (told() == ["3"]) is runs


def test_a_tool_command(work, upstream, told):
    evil = "'; echo pwned; $(echo pwned) `echo pwned`"
    upstream.script(calls(("say", json.dumps({"text": evil}))), says("ok"))
    work.chat("--tool-command", "say - Says it: printf %s {text}", "--yes-tools").check()
    assert upstream.requests[0].json()["tools"][0]["function"]["description"] == "Says it"
    assert told() == [evil]


def test_the_key_is_not_given_to_commands(work, upstream, told, cli):
    (cli.root / "key").write_text(SECOND_KEY)
    os.chmod(cli.root / "key", 0o600)
    cli.may_hold_keys(cli.root / "key")
    cli.write_config(
        f'current = "w"\n[profiles.w]\nbase_url = "{upstream.url}/v1"\nkey = "file:key"\nmodel = "m"\n'
    )
    upstream.script(calls(("show", "{}")), says("ok"))
    cli.run("chat", "--tool-command", "show: env", "--yes-tools", "Hi").check()
    assert upstream.last.headers["authorization"] == f"Bearer {SECOND_KEY}"
    assert "PATH=" in told()[0]
    assert SECOND_KEY not in told()[0]


def test_endless_calls(work, upstream, kit):
    upstream.default = calls(ADD)
    result = work.chat(*kit, "--yes-tools", "--max-rounds", "2", "--json").check(13)
    assert result.error()["code"] == "tool_limit"
    assert "--max-rounds 4" in result.error()["hint"]
    assert len(upstream.requests) == 2


def test_calls_that_nothing_runs_are_reported(work, upstream, kit):
    tool = {"type": "function", "function": {"name": "elsewhere", "parameters": {"type": "object"}}}
    upstream.script(calls(("elsewhere", '{"x": 1}')))
    result = work.chat(*kit, "-o", f"tools={json.dumps([tool])}").check()
    assert 'elsewhere({"x": 1}); nothing runs it' in result.err
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("options", "code", "expected"),
    [
        (["--tool", "none.py"], 2, "can't read none.py: No such file"),
        (["--tool", "kit.py", "-n", "2"], 2, "tools run for one answer only"),
        (["--tool", "kit.py", "--raw"], 2, "--raw"),
        (["--tool", "kit.py", "--tool", "kit.py"], 2, "two tools are called add"),
        (["--tool-command", "nonsense"], 2, "not of the form"),
        (["--mcp", "none"], 3, "there is no MCP server 'none'"),
        (["--mcp", "all"], 2, "names no MCP server"),
        (["--yes-tools"], 2, "--yes-tools does nothing without a tool"),
        (["--allow-tool", "x"], 2, "--allow-tool does nothing without a tool"),
        (["--max-rounds", "3"], 2, "--max-rounds does nothing without a tool"),
    ],
)
def test_mistakes_are_found_before_anything_is_sent(work, upstream, kit, options, code, expected):
    result = work.chat(*options).check(code)
    assert expected in result.err
    assert upstream.requests == []


def test_dry_run_shows_the_schemas(work, kit):
    assert '"name": "add"' in work.chat(*kit, "--dry-run").check().out


# on a terminal


def ask(work, *options):
    terminal = work.terminal("chat", *options, "Hi", rows=40)
    return terminal.wait_for(ASK)


def test_yes(work, upstream, kit, told):
    upstream.script(calls(ADD), says("It is 3."))
    terminal = ask(work, *kit)
    assert terminal.screen().count("add(a=1, b=2)") == 1
    terminal.send("y\r")
    terminal.wait_for("It is 3.")
    assert terminal.wait() == 0
    assert told() == ["3"]


def test_a_call_is_shown_in_full_before_the_question(work, upstream, kit):
    upstream.script(calls(("add", '{"a": 1, "b": 2, "c": "%s END"}' % ("x" * 300))), says("Well."))
    assert "END" in ask(work, *kit).screen()


def test_a_quiet_question_still_says_what_it_is_about(work, upstream, kit):
    upstream.script(calls(ADD), says("It is 3."))
    assert '"a": 1,' in ask(work, *kit, "--quiet").screen()


def test_no(work, upstream, kit, told, cli):
    upstream.script(calls(ADD), says("As you like."))
    terminal = ask(work, *kit)
    terminal.send("what?\r")
    terminal.wait_until(lambda: terminal.screen().count(ASK) == 2, "ask again")
    terminal.send("n\r")
    terminal.wait_for("As you like.")
    assert terminal.wait() == 0
    assert told() == ["the user did not allow this call"]
    assert not (cli.cwd / "ran").exists()


def test_what_was_typed_before_the_question_is_no_answer(work, upstream, kit, told):
    gate = upstream.gate()
    call = wire.tool_call(*ADD, index=0)
    upstream.script(
        Reply.sse(gate, wire.chunk(tool_calls=[call]), wire.chunk(finish="tool_calls")), says("As you like.")
    )
    terminal = work.terminal("chat", *kit, "Hi", rows=40)
    gate.wait_reached()
    terminal.send("y\r")
    gate.open()
    terminal.wait_for(ASK)
    terminal.send("n\r")
    terminal.wait_for("As you like.")
    assert told() == ["the user did not allow this call"]


def test_the_end_of_the_input_is_a_no(work, upstream, kit, told):
    upstream.script(calls(ADD), says("As you like."))
    ask(work, *kit).send_key("ctrl-d")
    upstream.wait_requests(2)
    assert told() == ["the user did not allow this call"]


def test_always(work, upstream, kit, told):
    upstream.script(calls(ADD, ("loud", "{}")), calls(ADD), says("Done."))
    terminal = ask(work, *kit)
    terminal.send("a\r")
    terminal.wait_until(lambda: terminal.screen().count(ASK) == 2, "ask for the other tool")
    terminal.send("n\r")
    terminal.wait_for("Done.")
    assert terminal.wait() == 0
    assert terminal.screen().count(ASK) == 2
    assert told() == ["3", "the user did not allow this call", "3"]


def test_quit(work, upstream, kit, cli):
    upstream.script(calls(ADD))
    terminal = ask(work, *kit)
    terminal.send("q\r")
    assert terminal.wait() == 130
    assert (len(upstream.requests), (cli.cwd / "ran").exists()) == (1, False)


def test_ctrl_c_at_the_question(work, upstream, kit, cli):
    upstream.script(calls(("wait_async", "{}")))
    ask_terminal = ask(work, *kit)
    ask_terminal.send_key("ctrl-c")
    assert ask_terminal.wait() == 130


def test_nothing_in_the_arguments_is_hidden_from_the_eye(work, upstream, kit, cli):
    arguments = json.dumps({"a": 1, "b": 2, "note": "safe\u202e\x1b[2Jevil"}, ensure_ascii=False)
    upstream.script(calls(("say", arguments)), says("ok"))
    terminal = ask(work, "--tool-command", "say: echo {note}")
    screen = terminal.screen()
    assert "safe\\u202e\\u001b[2Jevil" in screen
    terminal.send("n\r")
    assert terminal.wait() == 0
    assert b"\x1b[2Jevil" not in terminal.raw


@pytest.mark.parametrize("name", ["wait", "wait_async"])
@pytest.mark.parametrize("with_loop", [False, True])
def test_ctrl_c_ends_a_running_tool(work, upstream, cli, name, with_loop):
    source = KIT if with_loop or name == "wait_async" else KIT.split("async def")[0]
    (cli.cwd / "kit.py").write_text(source)
    upstream.script(calls((name, "{}")))
    terminal = work.terminal("chat", "--tool", "kit.py", "--yes-tools", "Hi")
    terminal.wait_until((cli.cwd / "waiting").exists, "run the tool")
    terminal.send_key("ctrl-c")
    assert terminal.wait() == 130
    assert len(upstream.requests) == 1


def test_ctrl_c_ends_a_running_command(work, upstream, cli):
    upstream.script(calls(("wait", "{}")))
    terminal = work.terminal("chat", "--tool-command", "wait: echo $$ >pid; exec sleep 1000", "--yes-tools", "Hi")
    pid = cli.cwd / "pid"
    terminal.wait_until(lambda: pid.exists() and pid.read_text().endswith("\n"), "run the command")
    terminal.send_key("ctrl-c")
    assert terminal.wait() == 130
    wait_ended(int(pid.read_text()))


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_signals_end_a_running_command(work, upstream, cli, name):
    upstream.script(calls(("wait", "{}")))
    command = "wait: echo $$ >pid; sleep 1000 & echo $! >>pid; wait"
    process = work.popen("chat", "--tool-command", command, "--yes-tools", "Hi")
    pids = cli.cwd / "pid"
    wait_until(lambda: pids.exists() and pids.read_text().count("\n") == 2)
    process.send_signal(getattr(signal, name))
    assert process.wait(20) == -getattr(signal, name)
    for pid in pids.read_text().split():
        wait_ended(int(pid))


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("tool", ["hang", "wait"])
def test_a_signal_ends_an_mcp_server_and_what_runs_beside_it(work, upstream, cli, tool):
    program = (
        "import os; open('pid', 'w').write(str(os.getpid())); from support import mcp_server; "
        "do = mcp_server.call; mcp_server.call = lambda tool: (open('waiting', 'w').close(), do(tool))[1]; "
        "mcp_server.main()"
    )
    work.configure(
        f'\n[mcp.hand]\ncommand = {sys.executable!r}\nargs = ["-c", {json.dumps(program)}]\n'
        f"env = {{ PYTHONPATH = {str(Path(__file__).parents[1])!r} }}"
    )
    upstream.script(calls((tool, "{}")))
    command = "wait: echo $$ >child; touch waiting; exec sleep 1000"
    process = work.popen("chat", "--mcp", "hand", "--tool-command", command, "--yes-tools", "Hi")
    wait_until((cli.cwd / "waiting").exists)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == -signal.SIGTERM
    for name in ("pid", "child") if tool == "wait" else ("pid",):
        wait_ended(int((cli.cwd / name).read_text()))


def wait_until(condition):
    """Wait for what a process does."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end


def test_commands_take_numbers_and_booleans(work, upstream, told):
    upstream.script(calls(("say", '{"count": 5, "on": true}')), says("ok"))
    work.chat("--tool-command", "say: echo {count} {on}", "--yes-tools").check()
    assert told() == ["5 true\n"]


def test_ctrl_c_ends_a_call_of_an_mcp_server_and_the_server(work, upstream, cli):
    program = (
        "import os; open('pid', 'w').write(str(os.getpid())); from support import mcp_server; "
        "die = mcp_server.call; mcp_server.call = lambda tool: (open('waiting', 'w').close(), die(tool))[1]; "
        "mcp_server.main()"
    )
    work.configure(
        f'\n[mcp.hand]\ncommand = {sys.executable!r}\nargs = ["-c", {json.dumps(program)}]\n'
        f"env = {{ PYTHONPATH = {str(Path(__file__).parents[1])!r} }}"
    )
    upstream.script(calls(("hang", "{}")))
    terminal = work.terminal("chat", "--mcp", "hand", "--yes-tools", "Hi")
    terminal.wait_until((cli.cwd / "waiting").exists, "call the tool")
    terminal.send_key("ctrl-c")
    assert terminal.wait() == 130
    wait_ended(int((cli.cwd / "pid").read_text()))


def test_an_answer_in_a_form_after_tool_calls(work, upstream, kit, told):
    upstream.script(calls(ADD), says('{"sum": 3}'))
    result = work.chat(*kit, "--yes-tools", "--schema", "sum int", "--max-rounds", "2").check()
    assert json.loads(result.out) == {"sum": 3}
    assert "add: 3" in result.err
    upstream.script(calls(ADD), calls(ADD))
    work.chat(*kit, "--yes-tools", "--schema", "sum int", "--max-rounds", "2").check(13)


def test_quiet_shows_no_calls(work, upstream, kit):
    upstream.script(calls(ADD), says("3"))
    assert work.chat(*kit, "--yes-tools", "--quiet").check().err == ""
