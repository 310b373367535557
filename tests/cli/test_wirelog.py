"""--verbose, --debug and --debug-file: what goes over the wire, and no key in it."""

from __future__ import annotations

import re
import stat

import pytest

from support.leaks import HEADER_SECRET, SECRETS, TEST_KEY
from support.talk import Talk
from support.upstream import Reply
from support.wire import chunk, completion, error_body, text_stream

FINE = Reply.sse(*text_stream("Fine."), headers={"x-request-id": "req_7", "set-cookie": "id=abc"})


@pytest.fixture
def log(work, upstream):
    """log(reply, *args): what the log of one chat holds, without the times."""

    def run(*replies, args=(), code=0):
        upstream.script(*replies)
        work.chat("--debug-file", "wire.log", *args).check(code)
        text = (work.cli.cwd / "wire.log").read_text(encoding="utf-8")
        return re.sub(r"^\d\d:\d\d:\d\d\.\d{3} ", "", text, flags=re.MULTILINE)

    return run


def test_requests_and_replies_are_logged(log, upstream):
    lines = log(FINE).split("\n")
    assert lines[0] == f"#1 > POST {upstream.url}/v1/chat/completions"
    assert "#1 > authorization: ***" in [line.lower() for line in lines]
    assert any(line.startswith('#1 > {"model"') for line in lines)
    assert any(re.fullmatch(r"#1 < 200 after \d+ ms", line) for line in lines)
    assert "#1 < set-cookie: ***" in [line.lower() for line in lines]
    assert "#1 < data: [DONE]" in lines
    assert re.fullmatch(r"#1 = [\d.]+ k?B after \d+ ms", lines[-2])


def test_each_attempt_has_a_number_and_says_how_it_ended(work, log):
    work.cli.write_config(work.config.replace("retries = 0", "retries = 1"))
    text = log(Reply(503, {"Retry-After": "0"}, error_body("busy")), Reply.reset(), code=8)
    assert "#1 < 503 after" in text
    assert re.search(r"^#2 = 0 B after \d+ ms, \w+: .+$", text, re.MULTILINE)


def test_the_log_is_private_even_if_the_file_was_not(work, log):
    path = work.cli.cwd / "wire.log"
    path.write_text("before\n")
    path.chmod(0o644)
    assert log(FINE).startswith("before\n#1 > POST")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("before", "after", "env"), [(["--debug"], [], {}), ([], ["--debug"], {}), ([], [], {"LLMCTL_DEBUG": "1"})]
)
def test_a_log_of_its_own(work, upstream, before, after, env):
    upstream.script(FINE)
    result = work(*before, "chat", *after, "Hi", env=env).check()
    (path,) = (work.cli.home / ".local/state/llmctl/debug").glob("*.log")
    assert f"note: the wire is logged in {path}; it holds your prompts" in result.err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_key_that_the_upstream_echoes_is_withheld(work, log, size):
    """The line comes in pieces: no piece is written before the key in it is whole."""
    work.configure(f'headers = {{ X-Api-Token = "{HEADER_SECRET}" }}')
    work.cli.may_hold_keys(work.cli.config)
    echo = f'data: {{"choices": [], "echo": "{TEST_KEY} and {HEADER_SECRET}"}}\n\n'.encode()
    pieces = [echo[at : at + size] for at in range(0, len(echo), size)]
    reply = Reply.sse(*pieces, *text_stream("Fine."), headers={"X-Echo": TEST_KEY})
    text = log(reply)
    assert '"echo": "*** and ***"' in text
    assert not any(secret in text for secret in SECRETS.values())


@pytest.mark.parametrize(
    ("before", "after", "env"),
    [
        (["--debug-file", "~/w.log"], [], {"LLMCTL_DEBUG_FILE": "other.log"}),
        (["--debug-file", "other.log"], ["--debug-file", "~/w.log"], {}),
        ([], [], {"LLMCTL_DEBUG_FILE": "~/w.log"}),
    ],
)
def test_the_name_of_the_log(work, upstream, before, after, env):
    upstream.script(FINE)
    work(*before, "chat", *after, "Hi", env=env).check()
    assert "> POST" in (work.cli.home / "w.log").read_text()
    assert not (work.cli.cwd / "other.log").exists()


def test_a_key_with_slashes_that_json_escapes(work, upstream):
    upstream.script(Reply(401, body='{"error": {"message": "no: AbC\\/dEf\\/gHi123"}}'))
    work("chat", "--debug-file", "wire.log", "Hi", env={"WORK_KEY": "AbC/dEf/gHi123"}).check(4)
    text = (work.cli.cwd / "wire.log").read_text()
    assert ('"no: ***"' in text, "gHi123" in text) == (True, False)


def test_a_key_in_an_error_of_the_provider_is_withheld(log):
    text = log(Reply(401, body=error_body(f"wrong key: {TEST_KEY}")), code=4)
    assert "wrong key: ***" in text


def test_a_key_in_the_prompt_is_withheld(work, upstream):
    upstream.script(FINE)
    work("chat", "--no-log", "--debug-file", "wire.log", f"My key is {TEST_KEY}!").check()
    assert "My key is ***!" in (work.cli.cwd / "wire.log").read_text()


def test_a_body_without_line_breaks_is_kept_whole(log):
    text = log(Reply(body=completion("x" * 300_000)), args=["--no-stream"])
    assert "x" * 300_000 in text


def test_bytes_that_are_no_text(log):
    assert "\ufffd" in log(Reply(body=b"\xff\xfe nothing", headers={"Content-Type": "text/html"}), code=7)


def test_what_can_not_be_written(work):
    assert "can't write the wire log" in work.chat("--debug-file", "/dev/null/x").check(2).err


def test_verbose_says_how_long_and_how_much(work, upstream):
    upstream.script(FINE, Reply(500, body=error_body("boom")), Reply.reset())
    lines = work.chat("--verbose").check().err.splitlines()
    assert re.fullmatch(rf"> POST {upstream.url}/v1/chat/completions  \d+ B", lines[0])
    assert re.fullmatch(r"< 200 after \d+ ms, request id req_7", lines[1])
    assert re.fullmatch(r"= [\d.]+ k?B, complete after \d+ ms", lines[2])
    assert "< 500 after" in work.chat("--verbose").check(7).err
    assert re.search(r"^= failed after \d+ ms$", work.chat("--verbose").check(8).err, re.MULTILINE)


def test_verbose_says_when_a_stream_was_cut(work, upstream):
    upstream.script(Reply.sse(chunk("half"), Reply.refuse().steps[-1], done=False))
    assert re.search(r"^= failed after \d+ ms$", work.chat("--verbose").check(10).err, re.MULTILINE)


def test_a_conversation_has_one_log(work, upstream):
    upstream.script(FINE, FINE)
    talk = Talk(work.terminal("chat", "-i", "--debug-file", "wire.log"))
    talk.say("One").say("/model other").say("Two")
    text = (work.cli.cwd / "wire.log").read_text()
    assert len(re.findall(r"> POST", text)) == 2
    assert talk.screen.count("the wire is logged") == 1
