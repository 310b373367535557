"""Uploads: the time that a client takes is not the provider's."""

from __future__ import annotations

import threading

from support.upstream import Reply

CONFIG = """
[profiles.a]
base_url = "{a}"
retries = 0
timeout = { connect = 2, first_token = 2, idle = 2, total = 0.5 }

[serve]
keepalive = 0.1
"""
HEAD = (
    b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nX-Llmctl-Profile: a\r\n"
    b"Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
PORTION = b"5\r\nhello\r\n"


def target(stage):
    rows = stage.gateway.get("/api/state").json()["targets"]
    return next((row for row in rows if row["door"] == "files"), {"failures": 0})


def test_a_slow_upload_does_not_time_out(stage):
    stage.a.script(Reply(body={"id": "file-1"}))
    with stage.gateway.client() as client:
        client.raw(HEAD)
        for _ in range(2):
            client.raw(PORTION)
            threading.Event().wait(0.7)  # more than timeout.total
        client.raw(b"0\r\n\r\n")
        answer = client.answer()
    assert answer.json() == {"id": "file-1"}
    assert stage.a.last.body == b"hello" * 2
    assert target(stage)["failures"] == 0


def test_a_client_that_leaves_its_upload_says_nothing_of_the_provider(stage):
    with stage.gateway.client() as client:
        client.raw(HEAD + PORTION)
        while not stage.gateway.get("/api/state").json()["inflight"]:
            pass
    while stage.gateway.get("/api/state").json()["inflight"]:
        pass
    assert target(stage)["failures"] == 0
