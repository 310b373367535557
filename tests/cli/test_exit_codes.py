"""Every exit code, as text and as JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest

from support.upstream import Cut, Hang, Reply, refused_url
from support.wire import chunk, completion, error_body, text_stream

ENVELOPE = ["code", "message", "hint", "status", "provider", "profile", "request_id", "retry_after", "partial"]
HALF = (chunk("half "), chunk("an answer"))


def refusal(status, code=None, headers=None):
    return Reply(
        status, {"x-request-id": "req_3", **(headers or {})}, error_body("the provider's words", code=code)
    )


REPLIES = {
    "401": (refusal(401), 4, "key_rejected"),
    "403": (refusal(403), 4, "forbidden"),
    "400": (refusal(400), 5, "request_refused"),
    "404": (refusal(404, "model_not_found"), 5, "not_found"),
    "413": (refusal(413), 5, "too_large"),
    "422": (refusal(422), 5, "request_refused"),
    "context": (refusal(400, "context_length_exceeded"), 5, "context_too_long"),
    "402": (refusal(402), 6, "quota_exhausted"),
    "429": (refusal(429, headers={"Retry-After": "7"}), 6, "rate_limited"),
    "quota": (refusal(429, "insufficient_quota"), 6, "quota_exhausted"),
    "500": (refusal(500), 7, "server_error"),
    "503": (refusal(503), 7, "overloaded"),
    "529": (refusal(529), 7, "overloaded"),
}


@pytest.mark.parametrize(("reply", "exit_code", "code"), REPLIES.values(), ids=REPLIES)
def test_what_the_provider_refuses(work, upstream, reply, exit_code, code):
    upstream.default = reply
    text = work.chat().check(exit_code)
    assert text.out == ""
    assert "error: work: the provider's words\n" in text.err
    assert f"status {reply.status}, request id req_3" in text.err
    result = work.chat("--json").check(exit_code)
    error = result.error()
    assert (result.out, list(error)) == ("", ENVELOPE)
    assert (error["code"], error["message"]) == (code, "the provider's words")
    assert (error["status"], error["request_id"]) == (reply.status, "req_3")
    assert (error["profile"], error["provider"], error["partial"]) == ("work", "generic", None)
    assert error["retry_after"] == (7 if "Retry-After" in reply.headers else None)


def test_0_answered(work, upstream):
    upstream.script(Reply(body=completion("fine")))
    assert work.chat().check(0).out == "fine\n"


@pytest.mark.parametrize("args", [["--no-such-option"], ["--json", "--no-such-option"]])
def test_2_wrong_usage(work, args):
    result = work("chat", *args, "Hi").check(2)
    assert "no such option: --no-such-option" in result.err
    if "--json" in args:
        assert (list(result.error()), result.error()["code"]) == (ENVELOPE, "usage")


def test_2_no_prompt(work):
    assert work("chat", "--json").check(2).error()["hint"].startswith("give one")


@pytest.mark.parametrize(
    ("config", "args", "code", "text"),
    [
        ("", [], "no_profile", "llmctl init"),
        ('[profiles.groq]\nprovider = "groq"\n', ["-p", "grok"], "unknown_profile", "did you mean groq?"),
        ('[profiles.x]\nbase_url = "http://x"\nmodle = "m"\n', ["-p", "x"], "config", "did you mean model?"),
        ("[profiles.x\n", ["-p", "x"], "config_damaged", "line 1, column 12"),
        ('current = "gone"\n', [], "unknown_profile", "gone"),
        ('[profiles.x]\nbase_url = "http://x"\nquirks = { drob = [] }\n', ["-p", "x"], "config", "drop"),
    ],
)
def test_3_configuration(cli, config, args, code, text):
    cli.write_config(config)
    result = cli.run("chat", *args, "Hi").check(3)
    assert (result.out, text in result.err) == ("", True)
    error = cli.run("chat", *args, "--json", "Hi").check(3).error()
    assert (list(error), error["code"]) == (ENVELOPE, code)
    assert text in f"{error['message']} {error['hint']}"
    assert cli.config.read_text() == config


def test_4_no_key(work, upstream):
    result = work.chat("--json", env={"WORK_KEY": None}).check(4)
    error = result.error()
    assert (error["code"], error["profile"], upstream.requests) == ("key_missing", "work", [])
    assert "WORK_KEY is not set" in error["message"]
    assert "llmctl key set work" in error["hint"]


@pytest.mark.parametrize(
    "reply",
    [Reply(body="<html><title>Login</title></html>"), Reply(body="{nonsense"), Reply.sse("{nonsense", done=False)],
    ids=["html", "json", "stream"],
)
def test_7_an_answer_that_is_none(work, upstream, reply):
    upstream.default = reply
    result = work.chat("--json").check(7)
    assert (result.out, result.error()["code"], result.error()["profile"]) == ("", "not_understood", "work")


@pytest.mark.parametrize(
    ("url", "code"),
    [(None, "connect"), ("http://nowhere.invalid", "dns")],
    ids=["refused", "no such name"],
)
def test_8_network(work, url, code):
    work.configure(url=url or refused_url())
    assert "error: " in work.chat().check(8).err
    error = work.chat("--json").check(8).error()
    assert (error["code"], error["profile"]) == (code, "work")


def test_8_no_answer(work, upstream):
    upstream.default = Reply.refuse()
    assert work.chat("--json").check(8).error()["code"] == "network"


TIMEOUTS = {
    "first_token": (Reply.hang(), [], "timeout_first_token"),
    "idle": (Reply.sse(*HALF, Hang()), [], "timeout_idle"),
    "total": (Reply.hang(), ["--no-stream"], "timeout_total"),
    "--timeout": (Reply.hang(), ["--timeout", "0.2"], "timeout_total"),
}


@pytest.mark.parametrize(("reply", "args", "code"), TIMEOUTS.values(), ids=TIMEOUTS)
def test_9_a_timeout_names_itself(work, upstream, reply, args, code):
    first = 0.2 if code == "timeout_first_token" else 5
    total = 0.2 if "--no-stream" in args else 5
    work.configure(f"timeout = {{ first_token = {first}, idle = 0.2, total = {total} }}")
    upstream.default = reply
    error = work.chat("--json", *args).check(9).error()
    assert (error["code"], error["profile"]) == (code, "work")
    assert code.replace("timeout_", "timeout.") in error["message"]
    assert error["partial"] == ("half an answer" if code == "timeout_idle" else None)


@pytest.mark.parametrize("how", [[], ["--json"], ["--jsonl"], ["--raw"]], ids=["text", "json", "jsonl", "raw"])
def test_10_a_broken_stream_keeps_the_partial_answer(work, upstream, how):
    upstream.default = Reply.sse(*HALF, Cut(), done=False)
    result = work.chat(*how).check(10)
    if not how:
        assert result.out == "half an answer\n"
        assert "error: work: " in result.err
    elif how == ["--raw"]:
        assert result.out_bytes == b"".join(Reply.sse(*HALF, done=False).steps)
        assert "error: work: " in result.err
    else:
        error = result.error()
        assert (error["code"], error["partial"], error["profile"]) == ("stream_broken", "half an answer", "work")
        assert (result.out == "") == (how == ["--json"])


STRICT = {
    "length": (Reply.sse(*text_stream("cut", finish="length")), 11, "truncated"),
    "content_filter": (Reply.sse(*text_stream("cut", finish="content_filter")), 12, "filtered"),
    "refusal": (Reply.sse(chunk(refusal="cut"), chunk(finish="stop")), 12, "filtered"),
}


@pytest.mark.parametrize(("reply", "exit_code", "code"), STRICT.values(), ids=STRICT)
def test_11_and_12_strict(work, upstream, reply, exit_code, code):
    upstream.default = reply
    result = work.chat("--strict").check(exit_code)
    assert (result.out, result.err.count("error: ")) == ("cut\n", 1)
    error = work.chat("--strict", "--json").check(exit_code).error()
    assert (list(error), error["code"], error["profile"]) == (ENVELOPE, code, "work")


@pytest.mark.parametrize("how", [[], ["--json"], ["--jsonl"]], ids=["text", "json", "jsonl"])
def test_130_interrupted(work, upstream, how):
    gate = upstream.gate()
    # More than the sockets hold: once it is sent, the client has read what stands before it.
    padding = b": " + b"x" * 16_000_000 + b"\n\n"
    upstream.script(Reply.sse(*HALF, padding, gate))
    process = work.popen("chat", *how, "Hi", stdin=subprocess.DEVNULL)
    gate.wait_reached()
    if how != ["--json"]:
        assert b"half" in process.stdout.read1()
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    upstream.wait_closed()
    assert process.returncode == 130
    assert b"Traceback" not in err
    if how:
        error = json.loads(err.splitlines()[-1])["error"]
        assert (list(error), error["code"], error["profile"]) == (ENVELOPE, "interrupted", "work")
        assert error["partial"].startswith("half")
    else:
        assert b"interrupted" in err
        assert out.endswith(b"\n")


def test_130_before_anything_came(work, upstream):
    upstream.script(Reply.hang())
    process = work.popen("chat", "Hi", stdin=subprocess.DEVNULL)
    upstream.wait_requests(1)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, b"Traceback" in err) == (130, b"", False)


def test_a_failure_of_a_concurrent_command_has_the_same_envelope(work, upstream):
    upstream.default = refusal(401)
    result = work("embed", "-m", "e", "--json", "--batch", "1", "a", "b").check(4)
    assert (result.out, list(result.error()), result.error()["code"]) == ("", ENVELOPE, "key_rejected")
