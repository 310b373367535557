"""Secrets kept out of what is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.core.redact import redact, show_headers


@pytest.mark.parametrize(
    ("text", "secrets", "shown"),
    [
        ("key sk-123456 is wrong", ["sk-123456"], "key *** is wrong"),
        ("sk-123456 sk-123456", ["sk-123456"], "*** ***"),
        ("sk-123456 hdr-98765", ["sk-123456", "hdr-98765"], "*** ***"),
        ("nothing here", ["sk-123456", None, ""], "nothing here"),
        ("the word is short", ["word"], "the word is short"),
        ("", ["sk-123456"], ""),
        ("sk-123456-long", ["sk-123456", "sk-123456-long"], "***"),
        ("sk-123456-long", ["sk-123456-long", "sk-123456"], "***"),
    ],
)
def test_redact(text, secrets, shown):
    assert redact(text, secrets) == shown


@given(st.text(), st.text(min_size=6), st.text())
def test_no_secret_is_left(before, secret, after):
    if "*" not in secret:
        assert secret not in redact(before + secret + after, [secret])


@pytest.mark.parametrize(
    "name", ["Authorization", "api-key", "X-API-KEY", "proxy-authorization", "Cookie", "X-Team"]
)
def test_secret_headers(name):
    headers = {name: "secret", "content-type": "application/json"}
    assert show_headers(headers, ["x-team"]) == {name: "***", "content-type": "application/json"}
    assert headers[name] == "secret"


def test_other_headers_are_shown():
    assert show_headers({"accept": "x"}) == {"accept": "x"}
