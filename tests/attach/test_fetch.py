"""A file from the web."""

from __future__ import annotations

import asyncio

import pytest

from llmctl.attach.fetch import REDIRECTS, fetch
from llmctl.client.httpx_transport import HttpxTransport
from llmctl.config.target import Tls
from llmctl.errors import LlmctlError, NotFound, UsageError
from support.upstream import Reply


@pytest.fixture
def get(upstream):
    """get(path, most): what is fetched from the upstream."""

    def run(path, most=1000):
        async def once():
            transport = HttpxTransport(Tls(), None, {})
            try:
                return await fetch(f"{upstream.url}{path}", most, transport)
            finally:
                await transport.close()

        return asyncio.run(once())

    return run


def test_the_bytes_as_they_are(get, upstream):
    upstream.route("/a", Reply(body=b"\x00\xff\n"))
    assert get("/a?x=1") == b"\x00\xff\n"
    assert upstream.last.headers["user-agent"].startswith("llmctl/")
    assert "authorization" not in upstream.last.headers


def test_redirects_are_followed(get, upstream):
    upstream.route("/a", Reply(302, {"Location": "/b"}))
    upstream.route("/b", Reply(308, {"Location": f"{upstream.url}/c"}))
    upstream.route("/c", Reply(body=b"here"))
    assert get("/a") == b"here"


def test_redirects_in_circles_end(get, upstream):
    upstream.route("/a", Reply(302, {"Location": "/a"}))
    with pytest.raises(NotFound, match="redirects in circles"):
        get("/a")
    assert len(upstream.requests) == REDIRECTS + 1


@pytest.mark.parametrize("where", ["file:///etc/hosts", "ftp://example.com/x"])
def test_a_redirect_may_not_leave_the_web(get, upstream, where):
    upstream.route("/a", Reply(302, {"Location": where}))
    with pytest.raises(NotFound, match="leads out of the web"):
        get("/a")


@pytest.mark.parametrize("streamed", [False, True])
def test_the_limit_holds_while_reading(get, upstream, streamed):
    gate = upstream.gate()
    reply = Reply.stream([b"x" * 2000, gate]) if streamed else Reply(body=b"x" * 2000)
    upstream.route("/a", reply)
    with pytest.raises(UsageError, match="/a: "):
        get("/a", 1000)
    assert get_exact(get, upstream) == b"x" * 1000


def get_exact(get, upstream):
    upstream.route("/b", Reply(body=b"x" * 1000))
    return get("/b", 1000)


@pytest.mark.parametrize("status", [204, 301, 404, 500])
def test_other_answers(get, upstream, status):
    upstream.route("/a", Reply(status, body=b"" if status == 204 else b"no"))
    if status == 204:
        assert get("/a") == b""
        return
    with pytest.raises(NotFound, match=f"answers with status {status}") as caught:
        get("/a?token=hidden")
    assert "hidden" not in caught.value.message


@pytest.mark.parametrize("reply", [Reply.refuse(), Reply.reset(), Reply.raw(b"nonsense\r\n\r\n")])
def test_broken_connections_are_our_errors(get, upstream, reply):
    upstream.route("/a", reply)
    with pytest.raises(LlmctlError):
        get("/a")
