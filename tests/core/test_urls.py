"""Base URLs as people write them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmctl.core.urls import clean_base_url, join, origin, other_form, shown
from llmctl.errors import ConfigError


@pytest.mark.parametrize(
    ("written", "clean"),
    [
        ("https://api.example.com/v1", "https://api.example.com/v1"),
        ("https://api.example.com/v1/", "https://api.example.com/v1"),
        ("https://api.example.com", "https://api.example.com"),
        ("https://api.example.com//", "https://api.example.com"),
        ("  https://api.example.com/v1\n", "https://api.example.com/v1"),
        ("HTTPS://API.Example.COM/V1", "https://api.example.com/V1"),
        ("api.example.com/v1", "https://api.example.com/v1"),
        ("api.example.com:8443", "https://api.example.com:8443"),
        ("localhost:8080", "http://localhost:8080"),
        ("localhost", "http://localhost"),
        ("127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1"),
        ("0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("http://0.0.0.0:8000/v1", "http://127.0.0.1:8000/v1"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("http://[::]:8080", "http://[::1]:8080"),
        ("http://[::]", "http://[::1]"),
        ("https://x.example/v1/chat/completions", "https://x.example/v1"),
        ("https://x.example/v1/chat/completions/", "https://x.example/v1"),
        ("https://x.example/v1/chat/completions//", "https://x.example/v1"),
        ("https://x.example/v1/completions", "https://x.example/v1"),
        ("https://x.example/v1/embeddings", "https://x.example/v1"),
        ("https://x.example/v1/models", "https://x.example/v1"),
        ("https://x.example/v1/images/generations", "https://x.example/v1"),
        ("https://x.example/v1/responses", "https://x.example/v1"),
        ("https://x.example/v1/messages", "https://x.example/v1"),
        ("https://x.example/completions/v1", "https://x.example/completions/v1"),
        ("https://x.example/my-models", "https://x.example/my-models"),
        ("https://x.example/v1#part", "https://x.example/v1"),
        ("https://x.example/v1?", "https://x.example/v1"),
        (
            "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
            "https://x.openai.azure.com/openai/deployments/d?api-version=2024-10-21",
        ),
        ("https://bücher.example/v1", "https://bücher.example/v1"),
        # addresses that only begin or end like a local one
        ("http://10.0.0.0:8000", "http://10.0.0.0:8000"),
        ("http://10.0.0.0.0.example", "http://10.0.0.0.0.example"),
        ("localhost.example.com/v1", "https://localhost.example.com/v1"),
        ("127.example.com/v1", "https://127.example.com/v1"),
    ],
)
def test_clean(written, clean):
    assert clean_base_url(written) == clean


@pytest.mark.parametrize(
    "written",
    [
        *["", " ", "https://", "http:///v1", "https://[::1", "http://:8080", "://x", "//x.example"],
        *["ftp://x.example", "file:///etc/passwd", "javascript://x"],
        *["https://x.example:99999", "https://x.example:port"],
        *["https://x y.example", "https://x.example/a b", "https://x.example/\x00", "https://x.example/a\nb"],
    ],
)
def test_what_is_no_base_url(written):
    with pytest.raises(ConfigError, match=r"profiles\.x\.base_url"):
        clean_base_url(written, "profiles.x.base_url")


@pytest.mark.parametrize(
    "written",
    [
        "https://user:hunter22@x.example/v1",
        "https://:hunter22@x.example/v1",
        "https://hunter22@x.example/v1",
        "user:hunter22@x.example/v1",
        "https://user:hunter22@x.example:99999/v1",
        "ftp://user:hunter22@x.example/v1",
        "https://user:hunter22@/v1",
    ],
)
def test_a_password_is_refused_and_not_repeated(written):
    with pytest.raises(ConfigError) as caught:
        clean_base_url(written)
    assert "hunter22" not in f"{caught.value.message} {caught.value.hint}"


WORDS = ["http://", "https://", "x.example", "localhost", "0.0.0.0", "[::]", ":8080", "/", "/v1", "?a=b", "#", "@"]
WORDS += ["/chat/completions", "/models", "/messages", "//", " ", "%2F", ":", "é", "\\", "."]
addresses = st.lists(st.sampled_from(WORDS) | st.text(max_size=3), max_size=8).map("".join)


@given(addresses | addresses.map("https://x.example".__add__))
@example("https://x.example/models/models")
@example("https://x.example/v1/chat/completions//")
@example("https://x.example/messages/chat/completions/")
def test_clean_is_settled_at_once(text):
    try:
        clean = clean_base_url(text)
    except ConfigError:
        return
    assert clean_base_url(clean) == clean
    assert not clean.partition("?")[0].endswith("/")
    assert origin(clean)
    assert isinstance(join(clean, "models"), str)
    assert isinstance(shown(clean), str)
    other_form(clean)


@given(st.text())
def test_any_text_is_a_base_url_or_a_config_error(text):
    with contextlib.suppress(ConfigError):
        clean_base_url(text)


@pytest.mark.parametrize(
    ("base_url", "path", "url"),
    [
        ("https://x.example/v1", "chat/completions", "https://x.example/v1/chat/completions"),
        ("https://x.example/v1", "/models", "https://x.example/v1/models"),
        ("https://x.example", "models", "https://x.example/models"),
        (
            "https://x.example/d?api-version=1",
            "chat/completions",
            "https://x.example/d/chat/completions?api-version=1",
        ),
        ("https://x.example/d?a=1", "models?b=2", "https://x.example/d/models?a=1&b=2"),
        ("https://x.example", "models?b=2", "https://x.example/models?b=2"),
        ("https://x.example/v1", "models/org/name:7b", "https://x.example/v1/models/org/name:7b"),
        ("https://x.example/v1", "models/org%2Fname", "https://x.example/v1/models/org%2Fname"),
        ("https://x.example/v1", "models/a b\u00e9", "https://x.example/v1/models/a%20b%C3%A9"),
        ("https://x.example/v1?a=\u00e9", "models", "https://x.example/v1/models?a=%C3%A9"),
    ],
)
def test_join(base_url, path, url):
    assert join(base_url, path) == url


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("https://x.example/v1", "https://x.example/v1"),
        ("https://x.example/v1?key=secret", "https://x.example/v1?key=***"),
        ("https://x.example/v1?api-version=1&sig=secret", "https://x.example/v1?api-version=1&sig=***"),
        ("https://x.example/v1?my-api-version=secret", "https://x.example/v1?my-api-version=***"),
        (
            "https://x.example/v1?api-version=1&api-key=secret=&b=",
            "https://x.example/v1?api-version=1&api-key=***&b=***",
        ),
        ("https://x.example/v1?a[b]=secret", "https://x.example/v1?a[b]=***"),
        ("https://x.example/v1?a%5Bb%5D=secret", "https://x.example/v1?a%5Bb%5D=***"),
        ("https://x.example/v1?key=secret#x", "https://x.example/v1?key=***"),
    ],
)
def test_shown(url, seen):
    assert shown(url) == seen


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://X.example/v1?a=b", "https://x.example:443"),
        ("http://x.example", "http://x.example:80"),
        ("https://x.example:443", "https://x.example:443"),
        ("https://x.example:8443/", "https://x.example:8443"),
    ],
)
def test_origin(url, expected):
    assert origin(url) == expected


def test_other_hosts_schemes_and_ports_are_other_origins():
    urls = [
        "https://x.example",
        "http://x.example",
        "https://x.example:80",
        "https://y.x.example",
        "https://x.example.y",
    ]
    assert len({origin(url) for url in urls}) == len(urls)


@pytest.mark.parametrize(
    ("base_url", "other"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080"),
        ("https://x.example/api/v1", "https://x.example/api"),
        ("https://x.example/api", "https://x.example/api/v1"),
        ("https://x.example/api?a=b", "https://x.example/api/v1?a=b"),
        ("https://x.example/v1beta/openai", None),
        ("https://x.example/paas/v4", None),
        ("https://x.example/openai/deployments/d?api-version=1", None),
    ],
)
def test_other_form(base_url, other):
    assert other_form(base_url) == other
