"""`llmctl exec`: variables for one program, whose signals and exit code are its own."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from support.leaks import TEST_KEY
from support.upstream import Reply
from support.wire import completion, error_body

PYTHON = sys.executable
SDK = (
    "import openai; print(openai.OpenAI(max_retries=0).chat.completions.create("
    "model='demo', messages=[{'role': 'user', 'content': 'Hi'}]).choices[0].message.content)"
)
SHOW = (
    "import json, os; "
    "print(json.dumps({k: v for k, v in os.environ.items() if k.startswith(('OPENAI', 'AIDER'))}))"
)


def shown(result):
    return result.check().json()


def masked(variables):
    """The key by its name, so that a failing test prints none."""
    return {name: value.replace(TEST_KEY, "TEST_KEY") for name, value in variables.items()}


def child(work, *args, **more):
    """`llmctl exec … -- python -c SHOW` through a file: the key must not be on our stdout."""
    out = work.cli.root / "child.json"
    work.cli.may_hold_keys(out)
    out.touch(mode=0o600)
    code = SHOW.replace("print(", f"open({str(out)!r}, 'w').write(")
    work("exec", *args, "--", PYTHON, "-c", code, **more).check()
    import json

    return masked(json.loads(out.read_text()))


def test_the_variables_of_most_programs(work, upstream):
    url = f"{upstream.url}/v1"
    assert child(work) == {
        "OPENAI_BASE_URL": url,
        "OPENAI_API_BASE": url,
        "OPENAI_API_KEY": "TEST_KEY",
        "OPENAI_MODEL": "test-model",
    }


def test_the_variables_of_one_program(work, upstream):
    assert child(work, "--tool", "aider", "-m", "other") == {
        "OPENAI_API_BASE": f"{upstream.url}/v1",
        "OPENAI_API_KEY": "TEST_KEY",
        "AIDER_MODEL": "openai/other",
    }


def test_nothing_of_another_provider_is_left(work, upstream):
    work.cli.write_config(f'current = "local"\n[profiles.local]\nbase_url = "{upstream.url}"\n')
    env = {"OPENAI_API_KEY": "sk-of-openai", "OPENAI_MODEL": "gpt", "OPENAI_API_BASE": "https://x"}
    assert child(work, env=env) == {
        "OPENAI_BASE_URL": upstream.url,
        "OPENAI_API_BASE": upstream.url,
        "OPENAI_API_KEY": "none",
    }


def test_an_address_that_is_set_already_gets_no_key(work, upstream):
    env = {"OPENAI_BASE_URL": "https://elsewhere.example/v1", "OPENAI_HOST": "https://elsewhere.example"}
    assert child(work, "--tool", "aider", env=env) == {
        "OPENAI_API_BASE": f"{upstream.url}/v1",
        "OPENAI_API_KEY": "TEST_KEY",
        "AIDER_MODEL": "openai/test-model",
    }
    lines = work("env", "aider", "--json", env=env).check().json()["variables"]
    assert (lines["OPENAI_BASE_URL"], lines["OPENAI_HOST"]) == (None, None)


def test_the_openai_sdk_asks_the_profile(work, upstream):
    upstream.script(Reply(body=completion("Hello")))
    assert work("exec", "--", PYTHON, "-c", SDK).check().out == "Hello\n"
    assert upstream.last.path == "/v1/chat/completions"
    assert upstream.last.headers["authorization"] == f"Bearer {TEST_KEY}"


def test_the_exit_code_is_the_program_s(work, upstream):
    upstream.script(Reply(401, body=error_body("wrong key")))
    assert work("exec", "--", PYTHON, "-c", SDK).code == 1
    assert work("exec", "--", PYTHON, "-c", "raise SystemExit(42)").code == 42


def test_curl(work, upstream):
    upstream.script(Reply(body={"object": "list", "data": []}))
    line = 'curl -s "$OPENAI_BASE_URL/models" -H "Authorization: Bearer $OPENAI_API_KEY"'
    assert work("exec", "sh", "-c", line).check().json() == {"object": "list", "data": []}
    assert upstream.last.headers["authorization"] == f"Bearer {TEST_KEY}"


def test_the_program_s_own_options_need_no_dashes(work):
    assert (
        work("exec", PYTHON, "-c", "import sys; print(sys.argv)", "-p", "x").check().out == "['-c', '-p', 'x']\n"
    )


def test_streams_are_the_program_s(work):
    code = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1]); sys.stderr.write('said')"
    for target in ([], ["-p", "demo"]):
        result = work("exec", *target, "--", PYTHON, "-c", code, stdin=b"\xff\x00abc").check()
        assert (result.out_bytes, result.err) == (b"cba\x00\xff", "said")


@pytest.mark.skipif(os.name != "posix", reason="arguments are text on Windows")
def test_arguments_that_are_no_text_go_through(work):
    code = "import os, sys; sys.stdout.buffer.write(os.fsencode(sys.argv[1]))"
    result = work("exec", "--", PYTHON, "-c", code, os.fsdecode(b"a\xffb")).check()
    assert result.out_bytes == b"a\xffb"


@pytest.mark.skipif(os.name != "posix", reason="locales of POSIX")
@pytest.mark.parametrize("target", [[], ["-p", "demo"]])
def test_values_in_a_locale_without_utf_8(work, target):
    env = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    result = work("exec", *target, "-m", "mödel", "--", "sh", "-c", 'echo "$OPENAI_MODEL"', env=env).check()
    assert result.out == "mödel\n"


@pytest.mark.parametrize("target", [[], ["-p", "demo"]])
def test_programs_that_can_t_be_run(work, target):
    plain = work.cli.cwd / "plain"
    plain.write_text("no program")
    lost = work.cli.cwd / "lost"
    lost.write_text("#!/no/such/interpreter\n")
    lost.chmod(0o755)
    for command, code, message in (
        ("no-such-program", 127, "there is no program 'no-such-program'"),
        ("./plain", 126, "./plain is not executable"),
        (str(work.cli.cwd), 126, "is a folder"),
        ("./lost", 126, "./lost can't be run"),
    ):
        result = work("exec", *target, "--", command).check(code)
        assert message in result.err.splitlines()[0]
        assert result.err.startswith("error: ")


def test_wrong_usage(work):
    assert "COMMAND" in work("exec").check(2).err
    assert "did you mean aider?" in work("exec", "--tool", "aidr", "--", "true").check(2).err
    work("exec", "-p", "nobody", "--", "true").check(3)
    assert "WORK_KEY is not set" in work("exec", "--", "true", env={"WORK_KEY": None}).check(4).err


@pytest.mark.parametrize(
    ("more", "lost"), [('auth = "api-key"', "header api-key"), ('headers = { X-A = "b" }', "headers")]
)
def test_what_variables_can_t_carry_is_said(work, more, lost):
    work.configure(more)
    assert lost in work("exec", "--", "true").check().err


def test_the_demo_provider_runs_as_long_as_the_program(work):
    code = f"{SDK}; import os; print(os.environ['OPENAI_BASE_URL'])"
    text, url = work("exec", "-p", "demo", "--", PYTHON, "-c", code).check().out.rsplit("\n", 2)[:2]
    assert "demo provider of llmctl" in text
    gone = work.cli.run("models", "--base-url", url, "--retries", "0")
    assert gone.code == 8


def test_the_demo_program_s_exit_code(work):
    assert work("exec", "-p", "demo", "--", PYTHON, "-c", "raise SystemExit(42)").code == 42
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert work("exec", "-p", "demo", "--", PYTHON, "-c", code).code == 128 + signal.SIGKILL


WAITS = (
    "import os, signal, time\n"
    "def end(number, frame):\n    os.write(1, b'got %d\\n' % number); os._exit(5)\n"
    "for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(n, end)\n"
    "print('ready', flush=True)\ntime.sleep(60)"
)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("target", [[], ["-p", "demo"]])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_reach_the_program(work, target, number):
    process = work.popen("exec", *target, "--", PYTHON, "-c", WAITS)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert (out.decode().strip(), process.returncode) == (f"got {number.value}", 5)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("target", "code"), [([], -signal.SIGTERM), (["-p", "demo"], 128 + signal.SIGTERM)])
def test_a_program_that_a_signal_ends(work, target, code):
    process = work.popen(
        "exec", *target, "--", PYTHON, "-c", "print('ready', flush=True); import time; time.sleep(60)"
    )
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == code


@pytest.mark.parametrize("target", [[], ["-p", "demo"]])
def test_ctrl_c_reaches_the_program_once(work, target):
    code = (
        "import os, select, signal\n"
        "end, start = os.pipe()\n"
        "os.set_blocking(start, False)\n"
        "signal.set_wakeup_fd(start)\n"  # a byte a signal, also of one that comes just before it is waited for
        "signal.signal(signal.SIGINT, lambda *_: None)\n"
        "count, line = 0, b''\n"
        "print('ready', flush=True)\n"
        "while line.strip() != b'end':\n"
        "    came, _, _ = select.select([0, end], [], [])\n"
        "    if end in came:\n"
        "        count += len(os.read(end, 9))\n"
        "        os.write(1, b'got one\\n')\n"
        "    if 0 in came: line = os.read(0, 99)\n"
        "print('in all', count)\n"
        "raise SystemExit(3)"
    )
    terminal = work.terminal("exec", *target, "--", PYTHON, "-c", code)
    terminal.wait_for("ready")
    terminal.send_key("ctrl-c")
    terminal.wait_for("got one")
    terminal.send("end\r")
    assert terminal.wait() == 3
    assert "in all 1" in terminal.screen()


def test_ctrl_c_is_not_passed_on_where_the_terminal_sends_it(work):
    code = (
        "import os, signal\n"
        "os.setsid()\n"  # from here on the terminal's signals don't reach it
        "signal.signal(signal.SIGINT, lambda *_: os.write(1, b'got one\\n'))\n"
        "print('ready', flush=True)\n"
        "while (line := input()) != 'end': print('read', line, flush=True)\n"
    )
    terminal = work.terminal("exec", "-p", "demo", "--", PYTHON, "-c", code)
    terminal.wait_for("ready")
    terminal.send_key("ctrl-c")
    terminal.wait_for("^C")
    terminal.send("a line\r")
    terminal.wait_for("read a line")
    terminal.send("end\r")
    assert terminal.wait() == 0
    assert "got one" not in terminal.screen()


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
@pytest.mark.parametrize("target", [[], ["-p", "demo"]])
def test_the_key_is_in_no_process_list(work, target):
    code = (
        "import os, pathlib\npid = os.getpid()\nwhile pid > 1:\n"
        "    folder = pathlib.Path(f'/proc/{pid}')\n"
        "    print((folder / 'cmdline').read_bytes())\n"
        "    pid = int((folder / 'stat').read_text().rpartition(')')[2].split()[1])\n"
    )
    result = work("exec", *target, "--verbose", "--", PYTHON, "-c", code).check()
    assert "pathlib" in result.out
    assert TEST_KEY not in result.out + result.err
