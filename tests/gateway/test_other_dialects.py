"""Doors beside chat keep their own dialect: bodies, headers, lists of models in either API's shape."""

from __future__ import annotations

import json

import pytest

from support.gateway import CHAT
from support.upstream import Reply
from support.wire import completion, embeddings

CONFIG = """
current = "plain"

[profiles.plain]
base_url = "{b}"

[profiles.odd]
base_url = "{a}"
[profiles.odd.quirks]
drop = ["metadata", "user"]
rename = { max_tokens = "max_completion_tokens" }
text_content = true
merge_system = true
embedding_base64 = false
embedding_body = { input_type = "query" }
tool_choice = { any = "required" }

[profiles.claude]
provider = "anthropic"
base_url = "{a}"
key = "sk-test"

[profiles.pinned]
provider = "anthropic"
base_url = "{a}"
key = "sk-test"
headers = { Anthropic-Version = "2024-01-01", X-Team = "ours" }

[serve]
drain = 0.3
"""
MESSAGES = {
    "max_tokens": 5,
    "metadata": {"user_id": "u"},
    "tool_choice": {"type": "any"},
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]},
        {
            "role": "system",
            "content": [{"type": "text", "text": "Be brief", "cache_control": {"type": "ephemeral"}}],
        },
    ],
}
MESSAGE = Reply(
    body={
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
)


def sent(stage, path, body, **headers):
    """The body that the provider was given."""
    answer = stage.gateway.ask("POST", path, {"model": "odd/m", **body}, headers)
    assert answer.status == 200
    return stage.a.last.json()


# bodies


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens", "/v1/other"])
def test_messages_keep_what_only_chat_knows_otherwise(stage, path):
    stage.a.script(MESSAGE)
    assert sent(stage, path, MESSAGES) == {"model": "m", **MESSAGES}


def test_completions_keep_max_tokens(stage):
    stage.a.script(Reply(body=completion("fine")))
    body = {"prompt": "Hi", "max_tokens": 5, "user": "u"}
    assert sent(stage, "/v1/completions", body) == {"model": "m", **body}


def test_chat_has_its_quirks(stage):
    stage.a.script(Reply(body=completion("fine")))
    body = sent(stage, CHAT, {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5, "user": "u"})
    assert body == {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_completion_tokens": 5}


def test_embeddings_have_their_own(stage):
    stage.a.script(*[Reply(body=embeddings([1.0]))] * 2)
    body = {"input": "Hi", "encoding_format": "base64", "user": "u"}
    assert sent(stage, "/v1/embeddings", body) == {
        "model": "m", "input": "Hi", "user": "u", "input_type": "query"
    }  # fmt: skip
    assert sent(stage, "/v1/embeddings", {"input": "Hi", "input_type": "passage"})["input_type"] == "passage"


# headers


@pytest.mark.parametrize("path", ["/v1/messages", CHAT, "/v1/files"])
def test_the_clients_version_goes_before_the_catalogues(stage, path):
    stage.a.default = MESSAGE if path == "/v1/messages" else Reply(body=completion("fine"))
    for told, version in (({}, "2023-06-01"), ({"Anthropic-Version": "2026-10-21"}, "2026-10-21")):
        headers = {"x-llmctl-profile": "claude", "anthropic-beta": "x-1", **told}
        body = b"\0" if path == "/v1/files" else json.dumps({"model": "m", **MESSAGES})
        kind = {"content-type": "application/octet-stream"} if path == "/v1/files" else {}
        assert stage.gateway.ask("POST", path, body, {**headers, **kind}).status == 200
        given = [value for name, value in stage.a.last.headers.items() if name == "anthropic-version"]
        assert given == [version]
        assert stage.a.last.headers["anthropic-beta"] == "x-1"


def test_the_users_own_header_goes_before_the_clients(stage):
    stage.a.script(MESSAGE)
    headers = {"anthropic-version": "2026-10-21", "x-team": "theirs"}
    answer = stage.gateway.ask("POST", "/v1/messages", {"model": "pinned/m", **MESSAGES}, headers)
    assert answer.status == 200
    assert (stage.a.last.headers["anthropic-version"], stage.a.last.headers["x-team"]) == ("2024-01-01", "ours")


# half an emoji


@pytest.mark.parametrize("half", [r"\ud83d", r"\uDE00", r"a\ud83db", r"\ud83d\ud83d", r"\\\ud83d"])
@pytest.mark.parametrize("model", ["plain/m", "odd/m"])
def test_half_an_emoji_goes_on(stage, half, model):
    """Agents cut texts in the middle of a pair of escapes. JSON allows it."""
    (stage.a if model == "odd/m" else stage.b).script(Reply(body=completion("fine")))
    body = b'{"model": "%b", "n":  1.50, "messages": [{"role": "user", "content": "%b"}]}'
    answer = stage.gateway.ask("POST", CHAT, body % (model.encode(), half.encode()))
    assert (answer.status, answer.text) == (200, "fine")
    given = (stage.a if model == "odd/m" else stage.b).last
    assert given.json()["messages"][0]["content"] == json.loads(f'"{half}"')
    assert b"1.50" in given.body


@pytest.mark.parametrize("damage", [b"NaN", b"{", b"[1,]", b"1 2", b'{"a" 1}', b"01"])
def test_half_an_emoji_excuses_nothing_else(stage, damage):
    body = rb'{"model": "plain/m", "half": "\ud83d", "rest": %b}' % damage
    answer = stage.gateway.ask("POST", CHAT, body)
    assert answer.status == 400
    assert "not JSON" in answer.error["message"]
    assert stage.b.requests == []


# lists of models


LISTED = {
    "object": "list",
    "data": [
        {
            "id": "big",
            "object": "model",
            "created": 1_700_000_000,
            "owned_by": "somebody",
            "context_length": 131072,
            "pricing": {"prompt": "0.1"},
            "display_name": "Big One",
        },
        {"id": "small"},
    ],
}


@pytest.fixture
def listing(stage):
    stage.b.default = Reply(body=LISTED)
    stage.a.default = Reply(body={"object": "list", "data": []})
    return stage.gateway


def test_what_providers_say_of_models_is_kept(listing):
    found = {row["id"]: row for row in listing.get("/v1/models").json()["data"]}
    big = found["plain/big"]
    assert (big["context_length"], big["pricing"]) == (131072, {"prompt": "0.1"})
    assert (big["object"], big["owned_by"], big["created"]) == ("model", "plain", 1_700_000_000)
    assert found["plain/small"]["created"] > 1_700_000_000
    assert listing.get("/v1/models/plain/big").json() == big


def test_lists_in_the_shape_of_anthropic(listing):
    headers = {"anthropic-version": "2023-06-01"}
    told = listing.get("/v1/models", headers).json()
    assert set(told) == {"data", "has_more", "first_id", "last_id"}
    assert (told["has_more"], told["first_id"], told["last_id"]) == (
        False, told["data"][0]["id"], told["data"][-1]["id"]
    )  # fmt: skip
    big = next(row for row in told["data"] if row["id"] == "plain/big")
    assert big == {
        "type": "model",
        "id": "plain/big",
        "display_name": "Big One",
        "created_at": "2023-11-14T22:13:20Z",
        "max_input_tokens": 131072,
    }
    assert listing.get("/v1/models/plain/big", headers).json() == big
    small = next(row for row in told["data"] if row["id"] == "plain/small")
    assert (small["type"], small["display_name"]) == ("model", "plain/small")


# paths


@pytest.mark.parametrize(
    "path",
    [
        "/v1/..%2fsecret",
        "/v1/..%2Fsecret",
        "/v1/files/..%5c..%5Csecret",
        "/v1/%2e%2e%2fsecret",
        "/v1/files%2f..%2fsecret",
        "/v1/..%252fsecret",
    ],
)
def test_no_path_climbs(stage, path):
    assert stage.gateway.get(path).status in (400, 404)
    assert stage.b.requests == []


@pytest.mark.parametrize("name", ["a%2Fb", "100%25", "..a%2F%20x..", "%25zz"])
def test_paths_keep_their_letters(stage, name):
    path = f"/v1/files/{name}"
    stage.b.script(Reply(body={"id": "f"}))
    assert stage.gateway.get(path).status == 200
    assert stage.b.last.target == path
