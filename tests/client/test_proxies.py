"""Proxies: which one, what it is told, and what only the provider is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from llmctl.config.target import Tls
from llmctl.errors import ConfigError, ProxyFailed
from support.leaks import PROXY_BASIC, PROXY_PASSWORD, PROXY_USER, TEST_KEY
from support.upstream import Reply, Upstream, refused_url
from support.wire import text_stream

FINE = Reply.sse(*text_stream("fine"))


@pytest.fixture
def proxy() -> Iterator[Upstream]:
    with Upstream(proxy=True) as server:
        yield server


def with_password(proxy):
    return proxy.url.replace("http://", f"http://{PROXY_USER}:{PROXY_PASSWORD}@")


def test_http_goes_to_the_proxy_with_the_whole_address(runner, target_of, proxy):
    proxy.script(FINE)
    assert runner.chat(target_of("http://llm.example.com:8080", proxy=with_password(proxy))).content == "fine"
    assert proxy.last.target == "http://llm.example.com:8080/v1/chat/completions"
    assert proxy.last.headers["host"] == "llm.example.com:8080"
    assert proxy.last.headers["proxy-authorization"] == f"Basic {PROXY_BASIC}"
    assert proxy.last.headers["authorization"] == f"Bearer {TEST_KEY}"


@pytest.fixture
def trusting(target_of, secure, certificates):
    """trusting(proxy): a target at the https upstream."""
    return lambda proxy: target_of(secure, proxy=proxy, tls=Tls(ca_bundle=certificates.bundle))


def test_https_goes_through_a_tunnel(runner, trusting, secure, proxy):
    secure.script(FINE)
    assert runner.chat(trusting(with_password(proxy))).content == "fine"
    connect = proxy.last
    assert (connect.method, connect.target) == ("CONNECT", f"127.0.0.1:{secure.port}")
    assert connect.headers["proxy-authorization"] == f"Basic {PROXY_BASIC}"
    assert not any(TEST_KEY in value for _, value in connect.raw_headers)
    assert "proxy-authorization" not in secure.last.headers
    assert secure.last.headers["authorization"] == f"Bearer {TEST_KEY}"
    assert secure.last.target == "/v1/chat/completions"


def test_a_password_may_be_percent_encoded(runner, target_of, proxy):
    proxy.script(FINE)
    url = proxy.url.replace("http://", "http://us%40er:p%3Aw%2F@")
    runner.chat(target_of("http://llm.example.com", proxy=url))
    assert proxy.last.headers["proxy-authorization"] == "Basic dXNAZXI6cDp3Lw=="  # us@er:p:w/


@pytest.mark.parametrize("status", [407, 403, 502])
def test_a_proxy_that_refuses_the_tunnel(runner, trusting, proxy, status):
    proxy.route("CONNECT", Reply(status, body=b"no", close=True))
    with pytest.raises(ProxyFailed, match=f"the proxy refused the connection.*{status}") as failure:
        runner.chat(trusting(with_password(proxy)))
    assert failure.value.exit_code == 8
    assert PROXY_PASSWORD not in f"{failure.value.message} {failure.value.hint}"
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there(runner, target_of, scheme):
    with pytest.raises(ProxyFailed, match=r"the proxy 127\.0\.0\.1"):
        runner.chat(target_of(f"{scheme}://llm.example.com", proxy=refused_url()))


def test_a_proxy_whose_name_is_unknown(runner, target_of):
    with pytest.raises(ProxyFailed, match=r"proxy\.invalid can't be resolved"):
        runner.chat(target_of("http://llm.example.com", proxy="http://proxy.invalid:3128"))


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_the_environment_s_proxy(runner, target_of, proxy, name):
    proxy.script(FINE)
    runner.env = {name: proxy.url.removeprefix("http://")}
    runner.chat(target_of("http://llm.example.com"))
    assert proxy.last.target.startswith("http://llm.example.com/")


@pytest.mark.parametrize(
    "env",
    [
        {"NO_PROXY": "127.0.0.1"},
        {"no_proxy": "example.com, 127.0.0.0/8"},
        {"NO_PROXY": "*"},
        {"NO_PROXY": "", "HTTP_PROXY": ""},
    ],
    ids=["address", "network", "all", "empty"],
)
def test_the_environment_s_proxy_is_passed_by(runner, target, upstream, proxy, env):
    upstream.script(FINE)
    runner.env = {"HTTP_PROXY": proxy.url, "HTTPS_PROXY": proxy.url, **env}
    runner.chat(target)
    assert (len(upstream.requests), len(proxy.requests)) == (1, 0)


def test_no_proxy_may_name_a_port(runner, target, upstream, proxy):
    proxy.default = upstream.default = FINE
    runner.env = {"HTTP_PROXY": proxy.url, "NO_PROXY": f"127.0.0.1:{upstream.port}"}
    runner.chat(target)
    runner.env["NO_PROXY"] = f"127.0.0.1:{proxy.port}"
    runner.chat(target)
    assert (len(upstream.requests), len(proxy.requests)) == (1, 1)


def test_the_profile_s_proxy_beats_the_environment(runner, target_of, proxy):
    proxy.script(FINE)
    runner.env = {"HTTP_PROXY": refused_url(), "NO_PROXY": "*"}
    runner.chat(target_of("http://llm.example.com", proxy=proxy.url))
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("none", ["", "none"])
def test_the_profile_can_say_that_there_is_no_proxy(runner, target_of, upstream, none):
    upstream.script(FINE)
    runner.env = {"HTTP_PROXY": refused_url()}
    runner.chat(target_of(upstream, proxy=none))
    assert len(upstream.requests) == 1


def test_a_proxy_that_is_no_url(runner, target_of):
    with pytest.raises(ConfigError, match="proxy is not a proxy URL"):
        runner.chat(target_of("http://llm.example.com", proxy=f"ftp://{PROXY_USER}:{PROXY_PASSWORD}@x"))


def test_a_proxy_that_speaks_https(over_httpx, target_of, secure, certificates):
    """Only httpx can, and the command line switches to it by itself."""
    secure.script(FINE)
    target = target_of("http://llm.example.com", proxy=secure.url, tls=Tls(ca_bundle=certificates.bundle))
    assert over_httpx.chat(target).content == "fine"
    assert secure.last.target == "http://llm.example.com/v1/chat/completions"
