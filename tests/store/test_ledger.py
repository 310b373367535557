"""The ledger: sums by every group, and what is unknown stays unknown."""

from __future__ import annotations

from datetime import datetime

import pytest

from llmctl.store.ledger import BY_GENAI, UNKNOWN, Request
from llmctl.store.messages import Message

NOON = datetime(2026, 3, 10, 12).timestamp()
DAY = 86_400.0


def request(time=NOON, **more):
    facts = {"caller": "chat", "profile": "work", "provider": "generic", "base_url": "http://x/v1", "model": "m"}
    return Request(time, **{**facts, **more})


@pytest.fixture
def filled(store):
    rows = [
        request(prompt_tokens=10, completion_tokens=5, cached_tokens=4, reasoning_tokens=2, cost=0.5),
        request(prompt_tokens=20, completion_tokens=7, cost=0.25, model="n", caller="embed"),
        request(NOON + DAY, profile="home", model="", answered_by="only-model"),
        request(NOON + DAY, status="rate_limited", http_status=429),
        request(NOON + 2 * DAY, status="stream_broken", prompt_tokens=3),
    ]
    for row in rows:
        store.ledger.add(row)
    return store.ledger


def test_a_request_comes_back_as_it_was_written(store, talk, add):
    message = add(None, "x")
    row = request(
        answered_by="m-2026",
        attempts=2,
        prompt_tokens=1,
        completion_tokens=2,
        cached_tokens=3,
        cache_write_tokens=4,
        reasoning_tokens=5,
        cost=0.5,
        cost_by=BY_GENAI,
        first_token_ms=100.0,
        total_ms=1100.0,
        request_id="req_7",
        conversation=talk,
        message=message,
    )
    number = store.ledger.add(row)
    (kept,) = store.ledger.of_conversation(talk)
    assert kept == Request(**{**vars(row), "id": number})
    assert kept.tokens_per_second == 2.0
    assert store.ledger.of_messages([message, 999]) == {message: kept}
    assert store.ledger.of_conversations([talk, "none"]) == [kept]
    assert store.ledger.same(row) == [kept]


@pytest.mark.parametrize(
    ("by", "requests"),
    [
        ("day", {"2026-03-10": 2, "2026-03-11": 2, "2026-03-12": 1}),
        ("profile", {"home": 1, "work": 4}),
        ("model", {"m": 3, "n": 1, "only-model": 1}),
        ("caller", {"chat": 4, "embed": 1}),
    ],
)
def test_totals_by_each_group(filled, by, requests):
    assert {total.group: total.requests for total in filled.totals(by)} == requests


def test_sums_are_of_what_is_known_and_the_unknown_is_counted(filled):
    home, work = filled.totals("profile")
    assert (work.prompt_tokens, work.completion_tokens, work.cached_tokens, work.reasoning_tokens) == (
        33,
        12,
        4,
        2,
    )
    assert (work.cost, work.failed, work.unknown_tokens, work.unknown_cost) == (0.75, 2, 0, 1)
    assert (home.cost, home.unknown_tokens, home.unknown_cost, home.failed) == (None, 1, 1, 0)


def test_totals_of_a_time_and_of_a_part(filled):
    assert sum(total.requests for total in filled.totals("day", NOON + 1)) == 3
    assert sum(total.requests for total in filled.totals("day", 0.0, NOON + 1)) == 2
    assert [total.group for total in filled.totals("model", profile="work", caller="embed")] == ["n"]
    assert filled.totals("day", model="nobody's") == []


def test_what_a_profile_spent(filled):
    assert filled.spent("work", 0.0) == (0.75, 1)
    assert filled.spent("work", NOON + 1) == (0.0, 1)
    assert filled.spent("home", 0.0) == (0.0, 1)
    assert filled.spent("nobody", 0.0) == (0.0, 0)


def test_unknown_is_none_and_free_is_zero(store):
    store.ledger.add(request(cost=0.0, prompt_tokens=0, completion_tokens=0))
    store.ledger.add(request(profile="home"))
    home, work = store.ledger.totals("profile")
    assert (work.cost, work.unknown_cost, home.cost, home.unknown_cost) == (0.0, 0, None, 1)


@pytest.mark.parametrize("status", ["ok", "connect", "rate_limited", "interrupted", "stream_broken", "partial"])
@pytest.mark.parametrize("known", [{}, {"prompt_tokens": 3}, {"first_token_ms": 3.0}])
def test_what_may_have_cost_something_is_counted(store, status, known):
    row = request(status=status, **known)
    store.ledger.add(row)
    (total,) = store.ledger.totals("day")
    assert (total.unknown_cost == 1) == row.may_cost
    assert row.may_cost == (bool(known) or status not in ("connect", "rate_limited"))


def test_each_request_is_priced_once(store):
    first = store.ledger.add(request(prompt_tokens=1))
    second = store.ledger.add(request(profile="home"))
    assert [row.id for row in store.ledger.unpriced()] == [first, second]
    assert [row.id for row in store.ledger.unpriced("home")] == [second]
    assert [row.id for row in store.ledger.unpriced(limit=1)] == [first]
    store.ledger.price(first, 0.5, BY_GENAI)
    store.ledger.price(second, None, UNKNOWN)
    assert store.ledger.unpriced() == []
    assert store.ledger.spent("work", 0.0) == (0.5, 0)
    assert store.ledger.spent("home", 0.0) == (0.0, 1)


def test_requests_of_no_conversation_can_be_forgotten(store, talk):
    store.ledger.add(request(1.0))
    store.ledger.add(request(1.0, conversation=talk))
    store.ledger.add(request(9.0))
    assert store.ledger.forget(5.0, dry=True) == 1
    assert store.ledger.forget(5.0) == 1
    assert [row["time"] for row in store.database.rows("SELECT time FROM requests")] == [1.0, 9.0]


def test_a_request_finds_its_conversation_later(store, talk):
    message = store.messages.add(talk, None, Message("user", "x"))
    number = store.ledger.add(request())
    store.ledger.assign(number, talk, message)
    assert store.ledger.of_messages([message])[message].id == number


def test_a_count_that_no_number_can_be_is_unknown(store):
    store.ledger.add(request(prompt_tokens=10**30, answered_by="m\ud800"))
    (row,) = store.ledger.unpriced()
    assert (row.prompt_tokens, row.answered_by) == (None, "m?")


def test_speed_is_known_from_the_first_token_to_the_end():
    assert request(completion_tokens=10, first_token_ms=500.0, total_ms=500.0).tokens_per_second is None
    assert request(completion_tokens=10, total_ms=500.0).tokens_per_second is None
    assert request(completion_tokens=10, first_token_ms=0.0, total_ms=500.0).tokens_per_second == 20.0
