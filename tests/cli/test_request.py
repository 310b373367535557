"""--dry-run and --curl: the exact request, and no key in it."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from support.leaks import HEADER_SECRET, TEST_KEY
from support.upstream import Reply, Upstream
from support.wire import text_stream

FINE = Reply.sse(*text_stream("fine"))
PROMPT = 'It\'s "quoted" $HOME `ls` \\ é 👋\nnext line'


def test_dry_run_shows_the_request_without_sending_it(work, upstream):
    result = work("chat", "--dry-run", "--seed", "1", PROMPT).check()
    head, _, body = result.out.partition("\n\n")
    lines = head.splitlines()
    assert lines[0] == f"POST {upstream.url}/v1/chat/completions"
    assert "authorization: ***" in lines
    assert "content-type: application/json" in lines
    assert json.loads(body)["messages"] == [{"role": "user", "content": PROMPT}]
    assert json.loads(body)["seed"] == 1
    assert upstream.requests == []


def test_dry_run_needs_no_key(work):
    work.chat("--dry-run", env={"WORK_KEY": None}).check()
    work.chat("--curl", env={"WORK_KEY": None}).check()


@pytest.mark.parametrize("how", [[], ["--no-stream"]], ids=["streamed", "whole"])
@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_curl_sends_the_same_request(work, upstream, how):
    work.configure('headers = { X-Team = "it\'s us" }')
    upstream.default = FINE
    shown = work("chat", "--curl", *how, "-o", "top_p=0.5", PROMPT).check()
    assert TEST_KEY not in shown.out
    env = work.cli.env({"WORK_KEY": TEST_KEY})
    subprocess.run(["bash", "-c", f"{shown.out.strip()} -s"], env=env, capture_output=True, timeout=30, check=True)
    work("chat", *how, "-o", "top_p=0.5", PROMPT).check()
    by_curl, by_us = upstream.requests
    assert json.loads(by_curl.body) == json.loads(by_us.body)
    assert (by_curl.method, by_curl.target) == (by_us.method, by_us.target)
    for name in ("authorization", "content-type", "x-team", "user-agent"):
        assert by_curl.headers[name] == by_us.headers[name]


@pytest.mark.parametrize(
    ("key", "variable"),
    [("env:OTHER", "$OTHER"), ("cmd:pass show x", "$API_KEY"), ("file:keys/work", "$API_KEY")],
)
def test_curl_names_a_variable_for_the_key(work, key, variable):
    work.cli.write_config(f'current = "w"\n[profiles.w]\nbase_url = "http://x/v1"\nmodel = "m"\nkey = "{key}"\n')
    result = work.chat("--curl").check()
    assert f'-H "authorization: Bearer {variable}"' in result.out
    assert ("set API_KEY" in result.err) == (variable == "$API_KEY")


def test_a_key_written_in_the_config_is_not_shown(work):
    text = f'current = "w"\n[profiles.w]\nbase_url = "http://x/v1"\nmodel = "m"\nkey = "{TEST_KEY}"\n'
    work.cli.write_config(text)
    for how in ("--curl", "--dry-run"):
        result = work.chat(how).check()
        assert TEST_KEY not in result.out + result.err


def test_secret_headers_are_not_shown(work):
    work.configure(f'headers = {{ X-Api-Key = "{HEADER_SECRET}", Cookie = "{HEADER_SECRET}" }}')
    work.cli.may_hold_keys(work.cli.config)
    for how in ("--curl", "--dry-run"):
        assert "***" in work.chat(how).check().out  # the fixture looks for the secret itself


def test_another_address_gets_no_key_in_curl_either(work):
    result = work.chat("--curl", "-m", "m", "--base-url", "http://other.example.com/v1").check()
    assert "WORK_KEY" not in result.out
    assert "authorization" not in result.out


def test_a_key_given_on_the_command_line_is_the_one_in_curl(work):
    other = ["--base-url", "http://other.example.com/v1", "-m", "m"]
    result = work.chat("--curl", *other, "--key", "env:OTHER").check()
    assert '-H "authorization: Bearer $OTHER"' in result.out
    assert "authorization" not in work.chat("--curl", "--key", "none").check().out


@pytest.mark.parametrize("args", [[], ["--key", "env:OTHER"]], ids=["no key", "own key"])
def test_the_profile_s_key_does_not_go_to_another_address(work, upstream, args):
    work.configure(f'headers = {{ X-Secret = "{HEADER_SECRET}" }}')
    work.cli.may_hold_keys(work.cli.config)
    with Upstream(default=FINE) as other:
        work.chat("--base-url", f"{other.url}/v1", *args, "-m", "m", env={"OTHER": "sk-other-key"}).check()
        headers = dict(other.last.raw_headers)
        assert TEST_KEY not in str(headers)
        assert HEADER_SECRET not in str(headers)
        assert other.last.headers.get("authorization") == ("Bearer sk-other-key" if args else None)
    assert upstream.requests == []


def test_the_same_origin_keeps_the_key(work, upstream):
    upstream.route("/other/v1/chat/completions", FINE)
    work.chat("--base-url", f"{upstream.url}/other/v1").check()
    assert upstream.last.headers["authorization"] == f"Bearer {TEST_KEY}"


def test_a_redirect_gets_no_key(work, upstream):
    with Upstream(default=FINE) as other:
        upstream.default = Reply(307, {"Location": f"{other.url}/v1/chat/completions"})
        error = work.chat("--json").check(5).error()
        assert (error["code"], other.requests, other.connections) == ("not_found", [], 0)
