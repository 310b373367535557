"""Cassettes: what was recorded is played, in files that people can read, and without anything secret."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmctl.errors import ConfigError
from llmctl.gateway.cassettes import Player, Recorded, Recorder
from support.leaks import SECOND_KEY, TEST_KEY, secrets_in

CHAT = "/v1/chat/completions"
EVENTS = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\ndata: [DONE]\n\n'


def question(text: str, **more: Any) -> bytes:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]
    return json.dumps({"model": "m", "messages": messages, **more}).encode()


def recorded(body: bytes, answer: bytes = b'{"ok":1}', path: str = CHAT, **more: Any) -> Recorded:
    headers = [(b"content-type", b"application/json"), (b"x-request-id", b"req-1")]
    return replace(Recorded("POST", path, "application/json", body, 200, headers, answer), **more)


def test_what_was_recorded_is_played(tmp_path: Path) -> None:
    take = recorded(question("What is a fjord?"), b'{"choices": []}')
    Recorder(tmp_path).record(take)
    found = Player(tmp_path).find("POST", CHAT, take.body)
    assert found
    assert (found.status, found.headers, found.answer) == (200, take.headers, b'{"choices":[]}')


def test_white_space_and_the_order_of_fields_do_not_matter(tmp_path: Path) -> None:
    Recorder(tmp_path).record(recorded(b'{"model":"m","input":["a"],"n":1.0}'))
    player = Player(tmp_path)
    assert player.find("post", CHAT, b'{ "n": 1.0, "input": [ "a" ],\n "model": "m" }')
    for other in (b'{"model":"m","input":["a"],"n":true}', b'{"model":"m","input":["b"],"n":1.0}', b""):
        assert player.find("POST", CHAT, other) is None
    assert player.find("POST", CHAT + "?x=1", b'{"model":"m","input":["a"],"n":1.0}') is None
    assert player.find("PUT", CHAT, b'{"model":"m","input":["a"],"n":1.0}') is None


def test_takes_are_played_in_order_and_the_last_again_and_again(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    for number in range(1, 13):
        recorder.record(recorded(question("again"), b"%d" % number))
    player = Player(tmp_path)
    played = [player.find("POST", CHAT, question("again")) for _ in range(14)]
    assert [int(take.answer) for take in played if take] == [*range(1, 13), 12, 12]
    assert len(player) == 12


def test_recording_anew_replaces_the_takes_of_before(tmp_path: Path) -> None:
    before = Recorder(tmp_path)
    kept = before.record(recorded(question("other")))
    for _ in range(3):
        before.record(recorded(question("again")))
    Recorder(tmp_path).record(recorded(question("again"), b'"new"'))
    take = Player(tmp_path).find("POST", CHAT, question("again"))
    assert take
    assert take.answer == b'"new"'
    assert kept.exists()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_is_readable_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "cassettes"
    take = recorded(question("Héllo, what is a fjord in Norway, please?", stream=True), EVENTS)
    take = replace(take, headers=[(b"content-type", b"text/event-stream; charset=utf-8"), (b"date", b"today")])
    path = Recorder(folder).record(take)
    assert path.name.startswith("chat-hello-what-is-a-fjord-")
    assert path.name.endswith("-1.json")
    assert len(path.name.split("-")[-2]) == 8
    if os.name == "posix":
        assert (path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    text = path.read_text(encoding="utf-8")
    assert "Héllo" in text
    assert json.loads(text) == {
        "request": {
            "method": "POST",
            "path": CHAT,
            "content_type": "application/json",
            "body": {"json": json.loads(take.body)},
        },
        "response": {
            "status": 200,
            "headers": {"content-type": "text/event-stream; charset=utf-8"},
            "body": {"events": ['data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}', "data: [DONE]"]},
        },
    }
    assert path.read_bytes() == Recorder(folder).record(take).read_bytes()


@pytest.mark.parametrize(
    ("body", "path", "start"),
    [
        (b'{"prompt": "Once upon"}', "/v1/completions", "completions-once-upon-"),
        (b'{"input": ["one two", "three"]}', "/embeddings", "embeddings-one-two-"),
        (b'{"input": [[1, 2]]}', "/v1/embeddings", "embeddings-"),
        (
            b'{"messages": [{"role": "user", "content": [{"type": "image_url"}, {"text": "Look!"}]}]}',
            CHAT,
            "chat-look-",
        ),
        (b'{"messages": [7, {"role": "user", "content": "\xe6\xbc\xa2"}]}', CHAT, "chat-"),
        (b"\x00\x01", "/v1/audio/../speech?x=../..", "audio-"),
        (b"", "/", "root-"),
    ],
)
def test_the_name_says_what_was_asked(tmp_path: Path, body: bytes, path: str, start: str) -> None:
    file = Recorder(tmp_path).record(recorded(body, path=path))
    assert file.parent == tmp_path
    assert file.name.startswith(start)
    assert Player(tmp_path).find("POST", path, body)


def test_nothing_secret_is_written(tmp_path: Path) -> None:
    body = json.dumps({"api_key": "whatever-it-is", "messages": [{"role": "user", "content": f"a {TEST_KEY}"}]})
    path = f"{CHAT}?api_key=from-the-url&key={SECOND_KEY}&api-version=1"
    headers = [
        (b"Set-Cookie", b"session=1"),
        (b"authorization", b"Bearer x"),
        (b"X-Request-Id", f"r-{TEST_KEY}".encode()),
        (b"content-type", b"text/plain"),
    ]
    take = Recorded("POST", path, "application/json", body.encode(), 200, headers, f"said {TEST_KEY}!".encode())
    recorder = Recorder(tmp_path, [TEST_KEY])
    files = [recorder.record(take)]
    files.append(recorder.record(replace(take, body=b"\xff" + TEST_KEY.encode(), path="/v1/files")))
    files.append(recorder.record(replace(take, answer=b"\xff" + TEST_KEY.encode(), path="/v1/audio")))
    files.append(recorder.record(replace(take, answer=json.dumps({"a": [TEST_KEY]}).encode(), path="/v1/x")))
    for file in files:
        data = file.read_bytes()
        assert secrets_in(data + file.name.encode()) == []
        assert base64.b64encode(TEST_KEY.encode())[4:-4] not in data
        for word in (b"whatever-it-is", b"from-the-url", b"session=1", b"Bearer"):
            assert word not in data
        for part in json.loads(data).values():
            if isinstance(part["body"], dict) and "base64" in part["body"]:
                assert secrets_in(base64.b64decode(part["body"]["base64"])) == []
    found = Player(tmp_path, [TEST_KEY]).find("POST", path, body.encode())
    assert found
    assert found.answer == b"said ***!"
    assert dict(found.headers) == {b"x-request-id": b"r-***", b"content-type": b"text/plain"}


def test_a_multipart_body_is_known_by_its_parts(tmp_path: Path) -> None:
    def form(boundary: bytes, data: bytes = b"RIFF\x00") -> bytes:
        part = b'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + data
        return b"--" + boundary + b"\r\n" + part + b"\r\n--" + boundary + b"--\r\n"

    kind = "multipart/form-data; boundary=7f3a"
    take = recorded(form(b"7f3a"), b"hello", "/v1/audio/transcriptions", content_type=kind)
    file = Recorder(tmp_path).record(take)
    assert b"7f3a" not in file.read_bytes()
    player = Player(tmp_path)
    assert player.find("POST", take.path, form(b"0c1d"))
    assert player.find("POST", take.path, form(b"0c1d", b"RIFF\x01")) is None


def test_of_large_bodies_only_the_hash_is_kept(tmp_path: Path) -> None:
    body = b"\xff" * 100_000
    file = Recorder(tmp_path).record(recorded(body, path="/v1/files"))
    assert file.stat().st_size < 1000
    player = Player(tmp_path)
    assert player.find("POST", "/v1/files", body)
    assert player.find("POST", "/v1/files", body + b"x") is None


@pytest.mark.parametrize(
    ("asked", "differs"),
    [
        (question("What is a fjord!"), "messages[1].content"),
        (question("What is a fjord?", temperature=1), "temperature"),
        (question("What is a fjord?", stop=["a"]), "stop[0]"),
        (question("What is a fjord?").replace(b'"m"', b'"n"'), "model"),
        (b"not json", "the body"),
    ],
)
def test_a_request_without_a_recording_is_told_what_differs(tmp_path: Path, asked: bytes, differs: str) -> None:
    recorder = Recorder(tmp_path)
    recorder.record(recorded(question("Something else, and quite another thing", temperature=2, top_p=1)))
    near = recorder.record(recorded(question("What is a fjord?")))
    recorder.record(recorded(question("What is a fjord?"), path="/v1/other"))
    player = Player(tmp_path)
    error = player.unmatched("POST", CHAT, asked)
    assert error.http_status == 404
    assert f"no recording of POST {CHAT} in {tmp_path}; the nearest is " in error.message
    assert error.message.endswith(f"which differs in {differs}")
    if asked != b"not json":
        assert player.nearest("POST", CHAT, asked) == (near.name, differs)


def test_the_nearest_is_of_the_same_path_and_the_most_alike(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.record(recorded(question("What is a fjord?"), path="/v1/other"))
    far = recorder.record(recorded(question("What is a bog?", seed=1, top_p=1)))
    assert Player(tmp_path).nearest("POST", CHAT, question("What is a fjord?")) == (
        far.name,
        "messages[1].content",
    )
    for text in ("Anything", "What is a fjord!", "Zebras"):
        recorder.record(recorded(question(text)))
    near = Player(tmp_path).nearest("POST", CHAT, question("What is a fjord?"))
    assert near
    assert near[0].startswith("chat-what-is-a-fjord-")


@pytest.mark.parametrize("text", ["1e400", "NaN", "[" * 300 + "]" * 300, "9" * 5000, '"\\ud800"', '"\\u0000"'])
def test_what_json_can_not_say_exactly_is_kept_as_it_is(tmp_path: Path, text: str) -> None:
    data = f'{{"x":{text}}}'.encode()
    file = Recorder(tmp_path).record(recorded(data, data))
    written = json.loads(file.read_bytes(), parse_constant=pytest.fail)
    assert ("json" in written["response"]["body"]) is text.startswith('"')
    found = Player(tmp_path).find("POST", CHAT, data)
    assert found
    assert found.answer == data


def test_another_path_is_named_as_what_differs(tmp_path: Path) -> None:
    file = Recorder(tmp_path).record(recorded(b'{"path": 1, "method": 2}'))
    player = Player(tmp_path)
    assert player.nearest("POST", "/v1/other", b'{"path": 1, "method": 2}') == (file.name, "the path")
    assert player.nearest("PUT", CHAT, b'{"path": 1, "method": 2}') == (file.name, "the method")


def test_an_empty_folder_has_nothing_near(tmp_path: Path) -> None:
    player = Player(tmp_path)
    assert player.nearest("POST", CHAT, b"{}") is None
    error = player.unmatched("POST", f"{CHAT}?api_key={TEST_KEY}", b"{}")
    assert error.message == f"no recording of POST {CHAT}?api_key=*** in {tmp_path}"


GOOD = {
    "request": {"method": "POST", "path": CHAT, "content_type": "", "body": None},
    "response": {"status": 200, "headers": {}, "body": None},
}


def changed(part: str, **fields: Any) -> str:
    return json.dumps({**GOOD, part: {**GOOD[part], **fields}})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "Expecting property name"),
        ("", "Expecting value"),
        ("[]", "request must be an object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"request": {}}', "response must be an object"),
        (changed("request", method=None), "request.method must be a string"),
        (changed("request", body="hi"), "request.body has none of json, events, text and base64"),
        (changed("response", status=True), "response.status must be a number"),
        (changed("response", status=99), "response.status must be from 200 to 599"),
        (changed("response", headers={"a": "\u20ac"}), "latin-1"),
        (changed("response", body={"base64": "?"}), "base64"),
        (changed("response", body={"events": [1]}), "response.body has none of"),
        (changed("response", body={"sha256": "aa"}), "response.body has none of"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "bad-1.json").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        Player(tmp_path)
    assert caught.value.message.startswith(f"{tmp_path / 'bad-1.json'} is no recording: ")
    assert told in caught.value.message


def test_a_file_may_be_written_by_hand(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(changed("request", body={"text": "hello"}), encoding="utf-8")
    take = Player(tmp_path).find("POST", CHAT, b"hello")
    assert take
    assert (take.status, take.answer) == (200, b"")


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="can't record into"):
        Recorder(tmp_path / "file")
    for missing in ("file", "nothing"):
        with pytest.raises(ConfigError, match="there is no folder"):
            Player(tmp_path / missing)


json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=10,
)
jsons = json_values.map(json.dumps).map(str.encode)
streams = st.lists(st.sampled_from(["data: x\n\n", "data: é\r\n\r\n", "\n", ": ping\n\n", "data: cut"])).map(
    lambda parts: "".join(parts).encode()
)
kinds = st.sampled_from([b"application/json", b"text/event-stream", b"text/plain", b""])


@settings(deadline=None, max_examples=100)
@given(st.one_of(jsons, st.binary()), st.one_of(jsons, streams, st.binary(), st.text().map(str.encode)), kinds)
def test_every_body_comes_back(body: bytes, answer: bytes, kind: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        take = Recorded("POST", "/v1/any", "", body, 200, [(b"content-type", kind)], answer)
        Recorder(Path(name)).record(take)
        player = Player(Path(name))
        found = player.find("POST", "/v1/any", body)
        assert found
        assert player.nearest("POST", "/v1/any", body) is None
    if kind == b"application/json" and found.answer != answer:
        assert json.loads(found.answer) == json.loads(answer)
    else:
        assert found.answer == answer
