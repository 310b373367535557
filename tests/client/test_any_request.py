"""`Client.request`: any body, any header, and a reply read as it comes."""

from __future__ import annotations

import pytest

from llmctl.core.requests import Content, Upload
from llmctl.errors import ConfigError, KeyRejected, NotUnderstood, ProviderFault, StreamBroken, UsageError
from support.leaks import HEADER_SECRET, TEST_KEY
from support.upstream import Cut, Reply
from support.wire import error_body


def ask(runner, target, method="GET", path="/x", content=None, **more):
    """(status, headers, body) of a request read to its end."""

    async def call(client):
        async with client.request(method, path, content) as reply:
            return reply.status, reply.headers, await reply.read()

    return runner(target, call, **more)


def test_a_reply_as_it_came(runner, target, upstream):
    upstream.script(Reply(201, {"X-A": "b"}, b"\x00\xff"))
    status, headers, body = ask(runner, target)
    assert (status, headers["x-a"], body) == (201, "b", b"\x00\xff")
    assert (upstream.last.headers["accept"], upstream.last.headers["authorization"]) == (
        "*/*",
        f"Bearer {TEST_KEY}",
    )
    assert "content-type" not in upstream.last.headers


def test_bytes_and_headers(runner, target_of, upstream):
    upstream.script(Reply(204))
    target = target_of(upstream, headers={"X-Team": "a", "X-Other": "b"})
    ask(runner, target, "PUT", "/x?y=1", Content(b"\x00bytes", {"content-type": "a/b", "X-TEAM": "c"}))
    sent = upstream.last
    assert (sent.method, sent.target, sent.body) == ("PUT", "/v1/x?y=1", b"\x00bytes")
    assert (sent.headers["content-type"], sent.headers["x-team"], sent.headers["x-other"]) == ("a/b", "c", "b")


def test_an_upload_in_portions(runner, target, upstream):
    upstream.script(Reply(500), Reply(body=b"ok"))
    parts = [b"a" * 100_000, b"b" * 100_000, b"c"]
    ask(runner, target, "POST", "/x", Content(Upload(lambda: iter(parts), 200_001)))
    assert [request.body for request in upstream.requests] == [b"".join(parts)] * 2
    assert upstream.last.headers["content-length"] == "200001"
    assert "transfer-encoding" not in upstream.last.headers


def test_an_upload_whose_source_fails(runner, target, upstream):
    def chunks():
        yield b"a"
        raise UsageError("the file has changed")

    with pytest.raises(UsageError, match="has changed"):
        ask(runner, target, "POST", "/x", Content(Upload(chunks, 10)))


def test_the_reply_of_an_error(runner, target, upstream):
    upstream.script(Reply(401, {"X-Request-Id": "r"}, error_body(f"no: {TEST_KEY}")))
    with pytest.raises(KeyRejected) as failure:
        ask(runner, target)
    headers, body = failure.value.reply
    assert (headers["x-request-id"], b"no: ***" in body, TEST_KEY.encode() in body) == ("r", True, False)


def test_a_page_of_html_is_no_answer(runner, target, upstream):
    upstream.default = Reply(200, {"Content-Type": "text/html"}, b"<html>log in</html>")
    with pytest.raises(NotUnderstood) as failure:
        ask(runner, target)
    assert failure.value.reply[1] == b"<html>log in</html>"


def test_failures_are_tried_again(runner, target, upstream):
    upstream.script(Reply(500), Reply.refuse(), Reply(body=b"ok"))
    assert ask(runner, target)[2] == b"ok"
    upstream.default = Reply(503)
    with pytest.raises(ProviderFault):
        ask(runner, target)


def test_a_body_that_breaks_off(runner, target, upstream):
    upstream.script(Reply.stream([b"part", Cut()]))
    with pytest.raises(StreamBroken) as failure:
        ask(runner, target)
    assert failure.value.profile == "work"


def test_a_body_that_is_too_large(runner, target, upstream):
    upstream.script(Reply(body=b"x" * 1000))

    async def call(client):
        async with client.request("GET", "/x") as reply:
            await reply.read(most=999)

    with pytest.raises(NotUnderstood, match="larger than 999"):
        runner(target, call)


def test_a_reply_nobody_reads_to_its_end(runner, target, upstream):
    gate = upstream.gate()
    upstream.script(Reply.stream([b"first", gate, b"second"]))

    async def call(client):
        async with client.request("GET", "/x") as reply:
            return await anext(reply.chunks)

    assert runner(target, call) == b"first"
    assert upstream.wait_closed()
    gate.open()


@pytest.mark.parametrize("form", ["{url}/v1/x?y=1", "{url}/elsewhere"])
def test_a_whole_url_on_the_origin(runner, target, upstream, form):
    upstream.script(Reply(body=b"ok"))
    ask(runner, target, path=form.format(url=upstream.url))
    assert f"{upstream.url}{upstream.last.target}" == form.format(url=upstream.url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/v1/x", "https://127.0.0.1:{port}/x", "http://u@127.0.0.1:{port}/"]
)
def test_a_whole_url_elsewhere(runner, target, upstream, url):
    with pytest.raises(UsageError, match="nowhere else"):
        ask(runner, target, path=url.format(port=upstream.port))
    assert upstream.connections == 0


def test_secrets_in_headers_are_not_repeated(runner, target, upstream):
    upstream.script(Reply(400, {"X-Echo": HEADER_SECRET}, error_body(f"bad {HEADER_SECRET}")))
    with pytest.raises(Exception, match=r"bad \*\*\*") as failure:
        ask(runner, target, content=Content(None, {"x-api-key": HEADER_SECRET}))
    assert HEADER_SECRET not in str(failure.value.reply)
    with pytest.raises(ConfigError) as refused:
        ask(runner, target, content=Content(None, {"x-api-key": f"{HEADER_SECRET}\n"}))
    assert HEADER_SECRET not in refused.value.message
