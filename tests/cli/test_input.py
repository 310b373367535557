"""The prompt: arguments, standard input, and locales that know less than UTF-8."""

from __future__ import annotations

import subprocess

import pytest

from support.upstream import Reply
from support.wire import text_stream

FINE = Reply.sse(*text_stream("fine"))
EMOJI = "Grüße 👋 日本"
LOCALES = {
    "C": {"LANG": "C", "LC_ALL": "C"},
    "C without coercion": {"LANG": "C", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "POSIX": {"LANG": None, "LC_ALL": "POSIX"},
    "latin-1 output": {"PYTHONIOENCODING": "latin-1"},
    "ascii output, strict": {"PYTHONIOENCODING": "ascii:strict"},
    "missing locale": {"LANG": "xx_YY.UTF-8", "LC_ALL": "xx_YY.UTF-8"},
}


@pytest.fixture
def prompt(upstream, sent):
    """prompt(): the prompt of the latest request."""
    upstream.default = FINE
    return lambda: sent()[-1]["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("args", "stdin", "expected"),
    [
        (["Hi"], None, "Hi"),
        ([], "from stdin\n", "from stdin\n"),
        (["-"], "from stdin", "from stdin"),
        (["Explain"], "a diff\n", "Explain\n\na diff\n"),
        (["Explain"], "", "Explain"),
        (["Explain"], " \n ", "Explain"),
        (["--no-stdin", "Explain"], "a diff", "Explain"),
        (["--stdin", "Explain"], "a diff", "Explain\n\na diff"),
        (["--", "--json"], None, "--json"),
        ([], "\ufeffwith a mark", "with a mark"),
        ([], EMOJI, EMOJI),
        ([EMOJI], None, EMOJI),
        (["two\nlines"], None, "two\nlines"),
    ],
)
def test_what_the_prompt_is(work, prompt, args, stdin, expected):
    assert work("chat", *args, stdin=stdin).check().out == "fine\n"
    assert prompt() == expected


@pytest.mark.parametrize("args", [[], [""], ["  "], ["-"], ["--no-stdin"], ["--stdin"]])
def test_no_prompt_at_all(work, upstream, args):
    result = work("chat", *args, stdin="").check(2)
    assert "error: there is no prompt\nhint: give one" in result.err
    assert upstream.requests == []


def test_an_open_but_silent_stdin_does_not_block_an_argument(work, prompt):
    process = work.popen("chat", "Hi")
    out = process.stdout.read()
    assert (out, process.wait(20), prompt()) == (b"fine\n", 0, "Hi")
    assert b"note: standard input is open but silent" in process.stderr.read()


def test_a_pipe_that_begins_to_speak_is_read_to_its_end(work, prompt):
    process = work.popen("chat", "Hi")
    process.stdin.write(b"one ")
    process.stdin.flush()
    out, _ = process.communicate(b"two", timeout=20)
    assert (out, prompt()) == (b"fine\n", "Hi\n\none two")


def test_stdin_is_waited_for_where_it_is_wanted(work, upstream, prompt):
    process = work.popen("chat", "--stdin", "Hi")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.4)  # longer than silence is waited for without --stdin
    assert upstream.requests == []
    process.communicate(b"late", timeout=20)
    assert prompt().endswith("late")


def test_a_file_as_stdin(work, prompt, tmp_path):
    (tmp_path / "prompt").write_text("from a file")
    with (tmp_path / "prompt").open("rb") as file:
        process = work.popen("chat", stdin=file.fileno())
        process.communicate(timeout=20)
    assert (process.returncode, prompt()) == (0, "from a file")


def test_a_closed_stdin(work, prompt):
    command = ["bash", "-c", '"$@" <&-', "bash", *work.cli.program, "chat", "Hi"]
    env = work.cli.env({"WORK_KEY": "sk-x"})
    done = subprocess.run(command, env=env, cwd=work.cli.cwd, capture_output=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr, prompt()) == (0, b"fine\n", b"", "Hi")


@pytest.mark.parametrize("args", [[], ["Hi"], ["-"]])
def test_stdin_that_is_not_utf_8(work, upstream, args):
    result = work("chat", *args, stdin="Grüße".encode("latin-1")).check(2)
    assert "standard input is not UTF-8 text (byte 3)" in result.err
    assert "iconv" in result.err
    assert upstream.requests == []


@pytest.mark.parametrize("env", LOCALES.values(), ids=LOCALES)
def test_answers_are_utf_8_whatever_the_locale(work, upstream, prompt, env):
    upstream.default = Reply.sse(*text_stream(EMOJI))
    result = work("chat", "--usage", stdin=EMOJI, env=env).check()
    assert result.out_bytes.decode() == f"{EMOJI}\n"
    assert "·".encode() in result.err_bytes
    assert prompt() == EMOJI


@pytest.mark.parametrize("env", LOCALES.values(), ids=LOCALES)
def test_arguments_are_utf_8_whatever_the_locale(work, prompt, sent, env):
    result = work("chat", "-s", EMOJI, "--stop", EMOJI, "-o", f"user={EMOJI}", EMOJI, env=env).check()
    assert result.out == "fine\n"
    body = sent()[-1]
    assert prompt() == EMOJI
    assert [body["messages"][0]["content"], body["stop"], body["user"]] == [EMOJI, [EMOJI], EMOJI]


def test_errors_are_utf_8_whatever_the_locale(work, upstream):
    upstream.default = Reply(400, body={"error": {"message": EMOJI}})
    result = work.chat(env=LOCALES["ascii output, strict"]).check(5)
    assert EMOJI.encode() in result.err_bytes


def test_what_cannot_be_encoded_is_replaced(work, upstream):
    upstream.default = Reply.sse(r'{"choices":[{"delta":{"content":"a\ud83d b"},"finish_reason":"stop"}]}')
    assert work.chat().check().out_bytes in (b"a? b\n", "a\ufffd b\n".encode())
    work.chat("--json").check().json()


@pytest.mark.parametrize(
    ("env", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "0"}, False),
        ({"NO_COLOR": ""}, False),
    ],
)
def test_colours_into_a_pipe(work, upstream, env, coloured):
    upstream.default = Reply(400, body={"error": {"message": "no"}})
    result = work.chat(env=env).check(5)
    assert ("\x1b[" in result.err) == coloured
    assert "\x1b" not in result.out
