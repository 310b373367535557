"""Profile tables, checked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.config.profile import KEYS, Profile, Timeouts, read_profile
from llmctl.errors import ConfigError


def read(**table: Any) -> Profile:
    return read_profile("work", {"provider": "groq", **table})


def test_the_least():
    assert read() == Profile("work", provider="groq")
    assert read_profile("x", {"base_url": "localhost:8080/v1/"}).base_url == "http://localhost:8080/v1"


def test_everything():
    table = {
        "provider": "openai",
        "base_url": "https://llm.example.com/v1/",
        "key": "cmd:pass show work/llm",
        "keys": ["env:SECOND"],
        "model": "m",
        "embedding_model": "e",
        "image_model": "i",
        "auth": "api-key",
        "headers": {"X-Team": "search"},
        "timeout": {"connect": 5, "first_token": 60, "idle": 30, "total": 600.5},
        "retries": 0,
        "proxy": "",
        "ca_bundle": "corp.pem",
        "client_cert": {"cert": "c.pem", "key": "k.pem"},
        "verify": False,
        "budget": {"usd_per_day": 5.0},
        "quirks": {"drop": ["seed"]},
    }
    assert set(table) == set(KEYS)
    assert read_profile("work", table) == Profile(
        "work",
        provider="openai",
        base_url="https://llm.example.com/v1",
        key="cmd:pass show work/llm",
        keys=("env:SECOND",),
        model="m",
        embedding_model="e",
        image_model="i",
        auth="api-key",
        headers={"X-Team": "search"},
        timeout=Timeouts(5.0, 60.0, 30.0, 600.5),
        retries=0,
        proxy="",
        ca_bundle="corp.pem",
        client_cert=("c.pem", "k.pem"),
        verify=False,
        budget={"usd_per_day": 5.0},
        quirks={"drop": ["seed"]},
    )


def test_a_part_of_the_timeouts():
    assert read(timeout={"idle": 5}).timeout == Timeouts(idle=5.0)


def test_a_client_certificate_in_one_file():
    assert read(client_cert="both.pem").client_cert == ("both.pem", None)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"model": 7}, "profiles.work.model must be a string"),
        ({"model": ""}, "profiles.work.model must be a string that is not empty"),
        ({"key": " "}, "profiles.work.key must be a string that is not empty"),
        ({"provider": 7}, "profiles.work.provider must be a string"),
        ({"base_url": "ftp://x"}, "profiles.work.base_url"),
        ({"base_url": []}, "profiles.work.base_url must be a string"),
        ({"auth": "basic"}, "profiles.work.auth must be one of bearer, api-key, none"),
        ({"auth": ["bearer"]}, "profiles.work.auth must be one of"),
        ({"headers": "x"}, "profiles.work.headers must be a table of strings"),
        ({"headers": {"a": 1}}, "profiles.work.headers must be a table of strings"),
        ({"headers": {"": "x"}}, "can't be sent as a header"),
        ({"headers": {"a b": "x"}}, "can't be sent as a header"),
        ({"headers": {"a:b": "x"}}, "can't be sent as a header"),
        ({"headers": {"é": "x"}}, "can't be sent as a header"),
        ({"headers": {"a\tb": "x"}}, "can't be sent as a header"),
        ({"headers": {"a(b)": "x"}}, "can't be sent as a header"),
        ({"headers": {"a": "x\r\nb: y"}}, "can't be sent as a header"),
        ({"headers": {"a": "x\0"}}, "can't be sent as a header"),
        ({"timeout": 5}, "profiles.work.timeout must be a table"),
        ({"timeout": {"conect": 5}}, "profiles.work.timeout: unknown key 'conect'"),
        ({"timeout": {"idle": 0}}, "profiles.work.timeout.idle must be a number of seconds above 0"),
        ({"timeout": {"idle": -1}}, "profiles.work.timeout.idle must be"),
        ({"timeout": {"idle": True}}, "profiles.work.timeout.idle must be"),
        ({"timeout": {"idle": float("nan")}}, "profiles.work.timeout.idle must be"),
        ({"timeout": {"idle": float("inf")}}, "profiles.work.timeout.idle must be"),
        ({"timeout": {"idle": "5"}}, "profiles.work.timeout.idle must be"),
        ({"retries": -1}, "profiles.work.retries must be a whole number"),
        ({"retries": 21}, "profiles.work.retries must be a whole number"),
        ({"retries": 1.0}, "profiles.work.retries must be a whole number"),
        ({"retries": True}, "profiles.work.retries must be a whole number"),
        ({"proxy": False}, "profiles.work.proxy must be a string"),
        ({"client_cert": ""}, "profiles.work.client_cert must be"),
        ({"client_cert": {"cert": "c"}}, "profiles.work.client_cert must be"),
        ({"client_cert": {"cert": "c", "key": ""}}, "profiles.work.client_cert.key must be"),
        ({"verify": "no"}, "profiles.work.verify must be true or false"),
        ({"budget": 5}, "profiles.work.budget must be a table"),
        ({"quirks": []}, "profiles.work.quirks must be a table"),
        ({"modle": "m"}, "profiles.work: unknown key 'modle'"),
    ],
)
def test_what_is_wrong_is_named(table, said):
    with pytest.raises(ConfigError) as caught:
        read(**table)
    assert said in caught.value.message


def test_hints():
    with pytest.raises(ConfigError) as caught:
        read(modle="m")
    assert "model" in (caught.value.hint or "")
    with pytest.raises(ConfigError) as caught:
        read(qqq="m")
    assert "embedding_model" in (caught.value.hint or "")


def test_a_secret_header_is_not_repeated():
    with pytest.raises(ConfigError) as caught:
        read(headers={"a b": "hunter22"})
    assert "hunter22" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("table", [{}, {"model": "m"}, {"provider": "", "base_url": ""}])
def test_neither_provider_nor_address(table):
    with pytest.raises(ConfigError, match="neither provider nor base_url"):
        read_profile("work", table)


@pytest.mark.parametrize("table", [7, "x", [], None])
def test_what_is_no_table(table):
    with pytest.raises(ConfigError, match="must be a table"):
        read_profile("work", table)


values = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["cert", "key", "idle", "total"]) | st.text(max_size=4), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(KEYS), values, max_size=5))
def test_any_table(table):
    try:
        profile = read_profile("work", table)
    except ConfigError:
        return
    assert profile.provider or profile.base_url
