"""The gateway's keys: shown once, kept as a hash, ended for good."""

from __future__ import annotations

import hashlib
import re
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.errors import StoreFailed, UsageError
from llmctl.store.keys import GatewayKey, GatewayKeys, period_name, period_start, spent
from llmctl.store.ledger import Request
from llmctl.store.store import Store

NOON = 1_795_262_400.0  # 2026-11-21 12:00 UTC
DAY = 86_400.0


@pytest.fixture
def keys(store):
    return GatewayKeys(store.database)


def test_a_key_comes_back_as_it_was_made(keys):
    before = time.time()
    key, _ = keys.add(
        GatewayKey(
            "ci",
            models=("groq/*", "fast"),
            requests_per_minute=60,
            tokens_per_minute=1000,
            budget_usd=2.5,
            budget_period="day",
            expires=NOON,
        )
    )
    assert keys.list() == [key]
    assert (key.name, key.models) == ("ci", ("groq/*", "fast"))
    assert (key.requests_per_minute, key.tokens_per_minute) == (60, 1000)
    assert (key.budget_usd, key.budget_period, key.expires, key.revoked) == (2.5, "day", NOON, None)
    assert before <= key.created <= time.time()
    assert key.caller == "serve:ci"


def test_what_a_key_looks_like_and_what_is_kept_of_it(keys, store, path):
    key, secret = keys.add(GatewayKey("ci"))
    found = re.fullmatch(r"sk-llmctl-([a-z0-9]{8})-[A-Za-z0-9]{40}", secret)
    assert found[1] == key.id
    assert key.hash == hashlib.sha256(secret.encode()).hexdigest()
    assert key.hash not in repr(key)
    store.shrink()
    for file in path.parent.iterdir():
        assert secret.encode() not in file.read_bytes()


def test_keys_differ(keys):
    made = [keys.add(GatewayKey(f"k{number}")) for number in range(20)]
    assert len({secret for _, secret in made}) == len({key.id for key, _ in made}) == 20


def test_a_name_is_taken_until_its_key_is_revoked(keys):
    old, _ = keys.add(GatewayKey("ci"))
    with pytest.raises(UsageError, match="there is a key 'ci' already") as caught:
        keys.add(GatewayKey("ci"))
    assert caught.value.hint == "llmctl serve key revoke ci ends it"
    keys.revoke("ci")
    new, _ = keys.add(GatewayKey("ci"))
    assert [key.id for key in keys.all()] == [new.id] != [old.id]


def test_of_those_that_add_a_name_at_once_one_succeeds(path):
    together, names = Barrier(4), [f"k{number}" for number in range(25)]
    Store(path).close()

    def add(_):
        made = []
        with Store(path) as store:
            for name in names:
                together.wait()
                with suppress(UsageError):
                    made.append(GatewayKeys(store.database).add(GatewayKey(name))[0].name)
        return made

    with ThreadPoolExecutor(4) as pool:
        assert sorted(chain.from_iterable(pool.map(add, range(4)))) == sorted(names)


@pytest.mark.parametrize("by", ["name", "id", "key"])
def test_revoking(keys, by):
    key, secret = keys.add(GatewayKey("ci"))
    other, _ = keys.add(GatewayKey("other"))
    revoked = keys.revoke({"name": "ci", "id": key.id, "key": secret}[by])
    assert revoked.id == key.id
    assert revoked.revoked >= key.created
    assert keys.list() == [other]
    assert keys.all() == [revoked, other]
    assert keys.revoke("ci") == revoked, "the first time counts"


def test_a_name_beats_an_id(keys):
    first, _ = keys.add(GatewayKey("first"))
    second, _ = keys.add(GatewayKey(first.id))
    assert keys.revoke(first.id).id == second.id


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [("laptpo", "did you mean laptop?"), ("zzz", "see: llmctl serve key list")],
)
def test_revoking_what_is_not_there(keys, wanted, hint):
    keys.add(GatewayKey("laptop"))
    with pytest.raises(UsageError, match=f"there is no key '{wanted}'") as caught:
        keys.revoke(wanted)
    assert caught.value.hint == hint


def test_a_key_that_is_not_known_is_not_repeated(keys):
    secret = "sk-llmctl-" + "a" * 8 + "-" + "b" * 40
    with pytest.raises(UsageError) as caught:
        keys.revoke(secret)
    assert "bbb" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("name", ["", "a b", "-x", ".x", "a/b", "ä", "a\n", "x" * 65])
def test_bad_names(keys, name):
    with pytest.raises(UsageError, match="a key's name is"):
        keys.add(GatewayKey(name))
    assert keys.all() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"models": [" "]},
        {"models": ["a\nb"]},
        {"requests_per_minute": 0},
        {"tokens_per_minute": -1},
        {"tokens_per_minute": 2**63},
        {"budget_usd": 0.0},
        {"budget_usd": float("nan")},
        {"budget_usd": float("inf")},
        {"budget_period": "week"},
    ],
)
def test_bad_values(keys, wrong):
    with pytest.raises(UsageError):
        keys.add(GatewayKey("ci", **wrong))
    assert keys.all() == []


@pytest.mark.parametrize(
    ("more", "state"),
    [({}, "active"), ({"expires": NOON + 1}, "active"), ({"expires": NOON}, "expired")],
)
def test_states(keys, more, state):
    key, _ = keys.add(GatewayKey("ci", **more))
    assert key.state(NOON) == state
    assert keys.revoke("ci").state(NOON) == "revoked"


def test_a_damaged_row_is_told(keys, store, path):
    keys.add(GatewayKey("ci"))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE gateway_keys SET models = 'x'")
    connection.close()
    with pytest.raises(StoreFailed, match="the history is damaged"):
        keys.list()


def test_what_was_spent_in_the_period_by_this_key_and_not_its_predecessor(keys, store):
    now = time.time()

    def spend(usd, ago=0.0, caller="serve:ci", **more):
        store.ledger.add(Request(now - ago, caller, "work", "", "http://x/v1", "m", cost=usd, **more))

    spend(100.0, ago=1.0)
    key, _ = keys.add(GatewayKey("ci", budget_usd=5.0))
    now = key.created + 1
    spend(1.0)
    spend(0.5)
    spend(7.0, caller="serve:other")
    spend(None)
    assert spent(store.ledger, key, now) == (1.5, 1)
    daily, _ = keys.add(GatewayKey("daily", budget_period="day"))
    assert spent(store.ledger, daily, now) == (0.0, 0)


@pytest.mark.parametrize(
    ("period", "name", "start"),
    [
        ("day", "2026-11-21", NOON - DAY / 2),
        ("month", "2026-11", NOON - DAY / 2 - 20 * DAY),
        ("total", "total", 0.0),
    ],
)
def test_periods_are_those_of_utc(period, name, start):
    assert period_name(period, NOON) == name
    assert period_start(period, NOON) == start


@given(st.floats(0, 4e9), st.sampled_from(["day", "month"]))
def test_a_period_has_one_name_from_its_start(now, period):
    start = period_start(period, now)
    assert start <= now
    assert period_name(period, start) == period_name(period, now) != period_name(period, start - 1)
