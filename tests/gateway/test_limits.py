"""What a key may use, and how many requests run at once."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.errors import BudgetSpent, Overloaded, RateLimited, StoreFailed
from llmctl.gateway.limits import Limits, Slots
from llmctl.gateway.shared import LocalShared
from llmctl.store.keys import GatewayKey
from support.clock import Clock

NOON = 1_795_262_400.0  # 2026-11-21 12:00 UTC
DAY = 86_400.0


@pytest.fixture
def clock():
    return Clock(NOON)


@pytest.fixture
def limits(clock):
    return Limits(LocalShared(clock), clock=clock)


def key(name="ci", **limits):
    return GatewayKey(name, f"{name}-id", **limits)


def test_requests_a_minute(limits, clock):
    async def main():
        ci = key(requests_per_minute=2)
        await limits.admit(ci)
        clock.now += 10
        await limits.admit(ci)
        with pytest.raises(RateLimited) as caught:
            await limits.admit(ci)
        assert caught.value.message == "the key ci has used its 2 requests a minute; again in 50 s"
        assert (caught.value.retry_after, caught.value.http_status) == (50.0, 429)
        await limits.admit(key("other", requests_per_minute=2))
        clock.now += 50
        await limits.admit(ci)

    asyncio.run(main())


def test_tokens_a_minute_are_counted_when_the_answer_is_there(limits, clock):
    async def main():
        ci = key(tokens_per_minute=100)
        await limits.admit(ci)
        await limits.spend(ci, 99, None)
        await limits.admit(ci)
        await limits.spend(ci, None, None)
        await limits.spend(ci, 1, 0.5)
        with pytest.raises(RateLimited, match="has used its 100 tokens a minute; again in 60 s"):
            await limits.admit(ci)
        clock.now += 60
        await limits.admit(ci)

    asyncio.run(main())


def test_small_budgets_are_told_in_full(limits):
    async def main():
        ci = key(budget_usd=2e-5, budget_period="day")
        await limits.spend(ci, 10, 3e-5)
        with pytest.raises(BudgetSpent, match=r"budget of \$0\.00002 today"):
            await limits.admit(ci)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("period", "later", "words"),
    [("day", DAY / 2, " today"), ("month", 10 * DAY, " this month"), ("total", None, "")],
)
def test_budgets(limits, clock, period, later, words):
    async def main():
        ci = key(budget_usd=1.5, budget_period=period)
        await limits.admit(ci)
        await limits.spend(ci, 10, 1.0)
        await limits.admit(ci)
        await limits.spend(ci, 10, 0.5)
        clock.now += 60
        with pytest.raises(BudgetSpent) as caught:
            await limits.admit(ci)
        assert caught.value.message == f"the key ci has spent its budget of $1.50{words}"
        clock.now += later or 1000 * DAY
        if later:
            await limits.admit(ci)
        else:
            with pytest.raises(BudgetSpent):
                await limits.admit(ci)

    asyncio.run(main())


def test_a_restart_forgives_nothing(clock):
    asked = []

    async def spent(of):
        asked.append(of.name)
        return 0.9

    async def main():
        ci = key(budget_usd=1.0, budget_period="day")
        limits = Limits(LocalShared(clock), spent, clock)
        await asyncio.gather(*(limits.admit(ci) for _ in range(5)))
        assert asked == ["ci"]
        await limits.spend(ci, None, 0.2)
        with pytest.raises(BudgetSpent):
            await limits.admit(ci)
        clock.now += DAY
        await limits.admit(ci)
        assert asked == ["ci", "ci"]
        await limits.admit(key("free", requests_per_minute=5))
        assert len(asked) == 2

    asyncio.run(main())


def test_a_ledger_that_fails_stops_no_answers_and_is_asked_again(clock):
    asked = []

    async def spent(of):
        asked.append(of.name)
        if len(asked) == 1:
            raise StoreFailed("the history is away")
        return 5.0

    async def main():
        ci = key(budget_usd=1.0)
        limits = Limits(LocalShared(clock), spent, clock)
        await asyncio.gather(*(limits.admit(ci) for _ in range(5)))
        assert asked == ["ci"]
        clock.now += 31
        with pytest.raises(BudgetSpent):
            await limits.admit(ci)

    asyncio.run(main())


class Nothing:
    """No shared state may be asked."""


def test_nothing_is_looked_up_for_keys_without_limits():
    async def main():
        limits = Limits(Nothing())
        await limits.admit(key())
        await limits.spend(key(), 1000, 5.0)

    asyncio.run(main())


def enter_all(slots, client):
    """How many it gets, and why not more."""
    for count in range(1000):
        try:
            slots.enter(client)
        except (Overloaded, RateLimited) as refused:
            return count, type(refused)
    raise AssertionError("no end")


def test_one_client_alone_gets_its_own_limit_or_all():
    assert enter_all(Slots(10, 4), "a") == (4, RateLimited)
    assert enter_all(Slots(10, 10), "a") == (10, RateLimited)
    assert enter_all(Slots(10, 20), "a") == (10, Overloaded)
    assert enter_all(Slots(1, 20), "a") == (1, Overloaded)


def test_a_slot_that_is_given_back_is_free():
    slots = Slots(3, 2)
    for _ in range(10):
        slots.enter("a")
        slots.enter("a")
        slots.leave("a")
        slots.leave("a")
    assert slots.running == 0
    with pytest.raises(RateLimited):
        enter_all(slots, "a")
        slots.enter("a")
    slots.enter("b")


def test_shares_are_equal_once_more_than_half_is_taken():
    slots = Slots(12, 12)
    for client in ("a", "a", "a", "a", "a", "b", "c"):
        slots.enter(client)
    with pytest.raises(
        RateLimited, match="5 requests of this client are running, and others want to ask"
    ) as caught:
        slots.enter("a")
    assert caught.value.retry_after == 1.0
    for client in ("b", "b", "b", "c", "c"):
        slots.enter(client)
    with pytest.raises(Overloaded, match="12 requests are running"):
        slots.enter("c")


def test_who_found_no_slot_is_let_in_before_those_who_hold_many(clock):
    slots = Slots(10, 10, clock)
    for _ in range(5):
        slots.enter("a")
        slots.enter("b")
    with pytest.raises(Overloaded):
        slots.enter("c")
    slots.leave("a")
    with pytest.raises(RateLimited):  # a third of 10 is less than the 4 it still has
        slots.enter("a")
    slots.enter("c")


def test_who_found_no_slot_and_went_away_is_forgotten(clock):
    slots = Slots(10, 10, clock)
    for _ in range(5):
        slots.enter("a")
        slots.enter("b")
    with pytest.raises(Overloaded):
        slots.enter("c")
    slots.leave("a")
    clock.now += 6
    slots.enter("a")


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=200), st.integers(1, 9), st.integers(1, 9)
)
def test_the_counts_are_right_whatever_happens(steps, total, per_client):
    slots, held = Slots(total, per_client, Clock(NOON)), dict.fromkeys("abcd", 0)
    for client, comes in steps:
        if not comes and held[client]:
            slots.leave(client)
            held[client] -= 1
        elif comes:
            try:
                slots.enter(client)
                held[client] += 1
            except RateLimited:
                assert held[client]  # who has nothing running is never told that it has too much
            except Overloaded:
                assert slots.running == total
        assert slots.running == sum(held.values()) <= total
        assert max(held.values()) <= per_client
