"""Which proxy a request goes through."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.core.proxies import check_proxy, choose_proxy
from llmctl.errors import ConfigError

URL = "https://api.example.com/v1"
PROXY, OTHER = "http://proxy:3128", "http://other:3128"


@pytest.mark.parametrize(
    ("url", "configured", "env", "proxy"),
    [
        pytest.param(URL, None, {}, None, id="none"),
        pytest.param(URL, None, {"HTTPS_PROXY": PROXY}, PROXY, id="HTTPS_PROXY"),
        pytest.param(URL, None, {"https_proxy": PROXY}, PROXY, id="https_proxy"),
        pytest.param(URL, None, {"https_proxy": PROXY, "HTTPS_PROXY": OTHER}, PROXY, id="lower case first"),
        pytest.param(URL, None, {"HTTP_PROXY": PROXY}, None, id="HTTP_PROXY is for http"),
        pytest.param("http://x.example", None, {"HTTP_PROXY": PROXY}, PROXY, id="HTTP_PROXY"),
        pytest.param("http://x.example", None, {"HTTPS_PROXY": PROXY}, None, id="HTTPS_PROXY is for https"),
        pytest.param(URL, None, {"ALL_PROXY": PROXY}, PROXY, id="ALL_PROXY"),
        pytest.param(URL, None, {"ALL_PROXY": OTHER, "HTTPS_PROXY": PROXY}, PROXY, id="ALL_PROXY comes last"),
        pytest.param(URL, None, {"https_proxy": "", "HTTPS_PROXY": ""}, None, id="empty"),
        pytest.param(URL, PROXY, {"HTTPS_PROXY": OTHER}, PROXY, id="the profile's own"),
        pytest.param(URL, PROXY, {"NO_PROXY": "*"}, PROXY, id="the profile's own, whatever NO_PROXY says"),
        pytest.param(URL, "", {"HTTPS_PROXY": OTHER}, None, id="the profile wants none"),
        pytest.param(URL, "none", {"HTTPS_PROXY": OTHER}, None, id="the profile says none"),
        pytest.param(URL, None, {"HTTPS_PROXY": "proxy:3128"}, PROXY, id="without a scheme"),
        pytest.param(URL, "socks5h://proxy:1080", {}, "socks5h://proxy:1080", id="SOCKS"),
        pytest.param(
            "http://x.example", None, {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, None, id="a CGI header"
        ),
        pytest.param(
            "http://x.example", None, {"http_proxy": PROXY, "REQUEST_METHOD": "GET"}, PROXY, id="CGI, lower case"
        ),
    ],
)
def test_choice(url, configured, env, proxy):
    assert choose_proxy(url, configured, env) == proxy


@pytest.mark.parametrize(
    ("url", "rules", "bypassed"),
    [
        (URL, "*", True),
        (URL, "api.example.com", True),
        (URL, "API.Example.COM", True),
        (URL, "example.com", True),
        (URL, ".example.com", True),
        (URL, "*.example.com", True),
        (URL, "other.org, example.com", True),
        (URL, "other.org example.com", True),
        (URL, " , ,", False),
        (URL, ".", False),
        (URL, "ample.com", False),
        (URL, "*ample.com", False),
        (URL, "example.org", False),
        (URL, "api.example.com.evil.org", False),
        ("https://example.com", ".example.com", True),
        ("https://x.example:8443", "x.example:8443", True),
        ("https://x.example:8443", "x.example:443", False),
        ("https://x.example", "x.example:443", True),
        ("http://x.example", "x.example:80", True),
        ("https://x.example", "x.example:80", False),
        ("http://127.0.0.1:8080", "127.0.0.1", True),
        ("http://127.0.0.1:8080", "127.0.0.0/8", True),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", True),
        ("http://10.1.2.3", "10.0.0.0/8", True),
        ("http://10.1.2.3", "10.0.0.7/8", True),
        ("http://11.1.2.3", "10.0.0.0/8", False),
        ("http://10.1.2.3", "fd00::/8", False),
        ("http://[::1]:8080", "::1", True),
        ("http://[::1]:8080", "[::1]", True),
        ("http://[fd00::7]", "fd00::/8", True),
        ("http://[fe80::7]", "fd00::/8", False),
        ("http://[::1]:8080", "[::1]:8080", True),
        (URL, "10.0.0.0/99", False),
        (URL, "300.0.0.0/8", False),
        (URL, "1.example.com", False),
    ],
)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_no_proxy(url, rules, bypassed, name):
    chosen = choose_proxy(url, None, {"ALL_PROXY": PROXY, name: rules})
    assert chosen == (None if bypassed else PROXY)


@pytest.mark.parametrize(
    "proxy",
    ["ftp://proxy:21", "http://", "http://proxy:99999", "http://proxy:0", "http://[::1", ":3128", "socks4://x"],
)
def test_what_is_no_proxy(proxy):
    with pytest.raises(ConfigError, match="HTTPS_PROXY is not a proxy"):
        choose_proxy(URL, None, {"https_proxy": proxy})


def test_a_password_is_not_repeated():
    with pytest.raises(ConfigError) as caught:
        check_proxy("http://user:hunter22@proxy:99999", "proxy")
    assert "hunter22" not in f"{caught.value.message} {caught.value.hint}"


@given(st.text(), st.text(), st.sampled_from([URL, "http://10.0.0.1:80", "http://[::1]"]))
def test_any_environment(proxy, rules, url):
    with contextlib.suppress(ConfigError):
        choose_proxy(url, None, {"ALL_PROXY": proxy, "NO_PROXY": rules})
