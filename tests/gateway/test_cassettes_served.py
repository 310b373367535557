"""`--record` and `--replay`: a test suite that needs no provider the second time."""

from __future__ import annotations

import json
import os
import stat

import pytest

from support.gateway import CHAT, chat_body
from support.leaks import TEST_KEY
from support.upstream import Cut, Reply
from support.wire import chunk, completion, embeddings, error_body, text_stream

CONFIG = f"""
[profiles.a]
base_url = "{{url}}/v1"
key = "{TEST_KEY}"
model = "m"
retries = 0

[serve]
drain = 0.3
"""
OFFLINE = """
[profiles.a]
base_url = "http://127.0.0.1:9/v1"
model = "m"
retries = 0

[serve]
drain = 0.3
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cassettes"


@pytest.fixture
def recorder(serve, upstream, folder):
    return serve(CONFIG.format(url=upstream.url), "--record", str(folder))


@pytest.fixture
def replay(serve, recorder, folder):
    """Ends the recording, and plays it without any provider."""

    def start(*args, config=OFFLINE):
        recorder.stop()
        return serve(config, "--replay", str(folder), *args)

    return start


def test_what_was_recorded_is_played(recorder, upstream, replay):
    upstream.script(
        Reply(200, {"x-request-id": "r1"}, completion("whole")),
        Reply.sse(*text_stream("stre", "am")),
        Reply(body=embeddings([0.5])),
    )
    vectors = {"model": "a/m", "input": "x"}
    whole = recorder.chat("a/m", "One")
    stream = recorder.stream("a/m", "Two")
    embedded = recorder.ask("POST", "/v1/embeddings", vectors)
    player = replay()
    assert player.chat("a/m", "One").json() == whole.json()
    again = player.stream("a/m", "Two")
    assert again.body == stream.body
    assert again.done
    assert again.headers["content-type"] == stream.headers["content-type"]
    assert player.ask("POST", "/v1/embeddings", vectors).json() == embedded.json()
    assert again.headers["x-llmctl-replayed"] == "true"


def test_the_order_of_takes_is_kept(recorder, upstream, replay):
    upstream.script(Reply(body=completion("first")), Reply(body=completion("second")))
    assert [recorder.chat("a/m").text for _ in range(2)] == ["first", "second"]
    player = replay()
    assert [player.chat("a/m").text for _ in range(3)] == ["first", "second", "second"]


def test_white_space_and_order_do_not_matter(recorder, upstream, replay):
    upstream.script(Reply(body=completion("fine")))
    recorder.ask("POST", CHAT, b'{"model":"a/m","messages":[],"n":1}')
    assert replay().ask("POST", CHAT, b'{ "n": 1, "messages": [ ],\n "model": "a/m" }').text == "fine"


def test_without_v1_it_is_the_same(recorder, upstream, replay):
    upstream.script(Reply(body=completion("fine")))
    recorder.chat("a/m")
    assert replay().ask("POST", "/chat/completions", chat_body("a/m")).text == "fine"


def test_a_request_that_was_not_recorded(recorder, upstream, replay):
    upstream.script(Reply(body=completion("fine")))
    recorder.chat("a/m", "One")
    answer = replay().chat("a/m", "Another")
    assert answer.status == 404
    assert "no recording" in answer.error["message"]
    assert "messages[0].content" in answer.error["message"]


def test_what_was_not_recorded_may_be_passed_on(recorder, upstream, replay):
    upstream.script(Reply(body=completion("recorded")), Reply(body=completion("fresh")))
    recorder.chat("a/m", "One")
    player = replay("--unmatched", "forward", config=CONFIG.format(url=upstream.url))
    assert player.chat("a/m", "One").text == "recorded"
    assert player.chat("a/m", "Two").text == "fresh"
    assert len(upstream.requests) == 2


def test_errors_are_recorded_as_well(recorder, upstream, replay):
    """A test suite checks how its program takes them."""
    upstream.script(Reply(429, {"Retry-After": "7"}, error_body("slow down", "rate_limit_error")))
    assert recorder.chat("a/m", "Too much").status == 429
    answer = replay().chat("a/m", "Too much")
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")
    assert answer.error["message"] == "slow down"


def test_a_broken_stream_is_not_played_as_a_whole_one(recorder, upstream, replay):
    upstream.script(Reply.sse(chunk("half"), Cut()))
    assert not recorder.stream("a/m").done
    assert not replay().stream("a/m").done


def test_uploads_and_downloads(recorder, upstream, replay):
    upstream.script(Reply(body={"text": "hello"}), Reply(200, {"Content-Type": "audio/mpeg"}, bytes(range(256))))

    def ask(gateway, boundary):
        body = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\na/w\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nRIFF\r\n'
            f"--{boundary}--\r\n"
        )
        kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        text = gateway.ask("POST", "/v1/audio/transcriptions", body, kind).json()
        return text, gateway.ask("POST", "/v1/audio/speech", {"model": "a/t", "input": "Hi"}).body

    told = ask(recorder, "one")
    assert told == ({"text": "hello"}, bytes(range(256)))
    assert ask(replay(), "two") == told


def test_cassettes_can_be_read_and_hold_no_keys(recorder, upstream, replay, folder):
    upstream.script(Reply(200, {"x-echo": TEST_KEY}, completion(f"the key is {TEST_KEY}")))
    key = recorder.cli.run("serve", "key", "add", "me").check().out.strip()
    recorder.ask("POST", CHAT, chat_body("a/m", "What is the key?"), {"X-Api-Key": "sk-something-else-entirely"})
    recorder.stop()
    (path,) = folder.glob("*.json")
    text = path.read_text()
    found = json.loads(text)
    assert found["request"]["body"]["json"]["messages"][0]["content"] == "What is the key?"
    assert "\n  " in text
    assert "what-is-the-key" in path.name
    for secret in (TEST_KEY, key, "sk-something-else-entirely"):
        assert secret not in text
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_that_is_not_there(cli):
    cli.write_config(OFFLINE)
    assert "--record" in cli.run("serve", "--port", "0", "--replay", "/no/such/folder").check(3).err


def test_a_recording_that_is_damaged(cli, tmp_path):
    (tmp_path / "bad.json").write_text("{")
    cli.write_config(OFFLINE)
    assert "bad.json" in cli.run("serve", "--port", "0", "--replay", str(tmp_path)).check(3).err


def test_both_at_once(cli, tmp_path):
    cli.write_config(OFFLINE)
    cli.run("serve", "--record", str(tmp_path), "--replay", str(tmp_path)).check(2)
