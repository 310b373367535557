"""Headers that are ours are ours alone, and those that are for one connection end with it."""

from __future__ import annotations

import pytest

from support.gateway import CHAT, chat_body
from support.upstream import Reply
from support.wire import completion, error_body, text_stream

CONFIG = """
[profiles.a]
base_url = "{a}"
retries = 0

[serve]
drain = 0.3
"""
FORGED = [
    ("X-Llmctl-Cost", "99"),
    ("x-llmctl-profile", "evil"),
    ("X-Llmctl-Id", "1"),
    ("x-llmctl-more", "x"),
    ("Connection", "X-Hop, keep-alive, x-other"),
    ("X-Hop", "1"),
    ("X-Other", "1"),
    ("X-Kept", "1"),
]
REPLIES = {
    "whole": Reply(200, FORGED, completion("fine")),
    "stream": Reply.sse(*text_stream("fine"), headers=FORGED),
    "error": Reply(400, FORGED, error_body("no")),
}


@pytest.mark.parametrize("kind", REPLIES)
def test_an_upstream_can_not_speak_for_the_gateway(stage, kind):
    stage.a.script(REPLIES[kind])
    answer = stage.gateway.chat("a/forged", stream=kind == "stream")
    assert answer.headers["x-llmctl-profile"] == "a"
    assert answer.headers.get("x-llmctl-id") != "1"
    assert "99" not in answer.headers.get("x-llmctl-cost", "")
    assert "x-llmctl-more" not in answer.headers
    assert not {"x-hop", "x-other"} & answer.headers.keys()
    assert answer.headers["x-kept"] == "1"


def test_what_passes_through_has_no_forged_headers_either(stage):
    stage.a.script(Reply(200, FORGED, b"bytes"))
    answer = stage.gateway.get("/v1/files/f/content", {"x-llmctl-profile": "a"})
    assert (answer.body, answer.headers["x-kept"]) == (b"bytes", "1")
    assert "x-llmctl-more" not in answer.headers
    assert answer.headers.get("x-llmctl-profile", "a") == "a"
    assert not {"x-hop", "x-other"} & answer.headers.keys()


@pytest.mark.parametrize("path", [CHAT, "/v1/other"])
def test_a_client_s_headers_for_this_connection_go_no_further(stage, path):
    stage.a.script(Reply(200, {}, completion("fine")))
    headers = [
        ("Connection", "keep-alive, X-Hop"),
        ("X-Hop", "1"),
        ("X-Other", "1"),
        ("Connection", "x-other"),
        ("X-Kept", "1"),
    ]
    assert stage.gateway.ask("POST", path, chat_body("a/hop"), headers).status == 200
    assert stage.a.last.headers["x-kept"] == "1"
    assert not {"x-hop", "x-other", "connection"} & {name.lower() for name, _ in stage.a.last.raw_headers}
