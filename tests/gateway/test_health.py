"""What is known of targets: dead keys, waits, breakers with half-open probes. With a clock of the test's own."""

from __future__ import annotations

import pytest

from llmctl.errors import (
    FirstTokenTimeout,
    KeyRejected,
    NotFound,
    ProviderFault,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
)
from llmctl.gateway.health import FAILURES, Health
from support.clock import Clock

PLACE = ("a", "m", "chat")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def health(clock):
    return Health(clock)


def fail(health, times=FAILURES, error=None):
    for _ in range(times):
        health.asked(PLACE)
        health.failed(PLACE, 0, error or ProviderFault("oops"))


def word(health):
    return next(row["state"] for row in health.report() if row["target"] == "a/m")


@pytest.mark.parametrize("error", [ProviderFault("oops"), FirstTokenTimeout("late")])
def test_failures_in_a_row_open_the_breaker(health, clock, error):
    fail(health, FAILURES - 1, error)
    assert health.waits(PLACE) == 0
    fail(health, 1, error)
    assert health.waits(PLACE) == pytest.approx(10)
    assert word(health) == "open"
    clock.now += 10
    assert word(health) == "half-open"
    assert health.waits(PLACE) == 0


def test_one_answer_in_between_starts_the_count_anew(health):
    fail(health, FAILURES - 1)
    health.answered(PLACE, 5, False)
    fail(health, FAILURES - 1)
    assert health.waits(PLACE) == 0


def test_only_one_probe_at_a_time(health, clock):
    fail(health)
    clock.now += 10
    assert health.waits(PLACE) == 0
    health.asked(PLACE)
    assert health.waits(PLACE) > 0


def test_a_probe_that_works_closes_it(health, clock):
    fail(health)
    clock.now += 10
    health.asked(PLACE)
    health.answered(PLACE, 5, True)
    assert health.waits(PLACE) == 0
    assert word(health) == "ok"


def test_a_probe_that_fails_doubles_the_pause(health, clock):
    fail(health)
    for pause in (20, 40, 80, 120, 120):
        clock.now += 1000
        fail(health, 1)
        assert health.waits(PLACE) == pytest.approx(pause)


def test_a_probe_that_nobody_waited_for_lets_the_next_one_through(health, clock):
    fail(health)
    clock.now += 10
    health.asked(PLACE)
    health.gave_up(PLACE)
    assert health.waits(PLACE) == 0


@pytest.mark.parametrize("error", [NotFound("no"), RequestRefused("no")])
def test_what_the_request_is_to_blame_for_says_nothing(health, error):
    fail(health, 10, error)
    assert health.waits(PLACE) == 0
    assert word(health) == "ok"


def test_429_waits_as_told(health, clock):
    health.failed(PLACE, 0, RateLimited("slow", retry_after=30))
    assert health.waits(PLACE) == pytest.approx(30)
    assert word(health) == "cooling"
    clock.now += 30
    assert health.waits(PLACE) == 0


def test_429_without_a_time_waits_a_little(health):
    health.failed(PLACE, 0, RateLimited("slow"))
    assert 0 < health.waits(PLACE) <= 10


@pytest.mark.parametrize("error", [KeyRejected("no"), QuotaExhausted("empty")])
def test_a_dead_key(health, clock, error):
    health.failed(PLACE, 0, error)
    assert health.waits(PLACE) > 60
    assert word(health) == "dead key"
    assert health.live_keys(PLACE, 1) == []
    assert health.soonest_key(PLACE, 1) == 0
    assert health.live_keys(PLACE, 3) == [1, 2]
    assert health.waits(PLACE, 3) == 0


def test_where_no_key_is_live_the_one_that_recovers_soonest_is_taken(health):
    for key, seconds in enumerate((30, 10, 20)):
        health.failed(PLACE, key, RateLimited("slow", retry_after=seconds))
    assert health.live_keys(PLACE, 3) == []
    assert health.soonest_key(PLACE, 3) == 1
    assert health.waits(PLACE, 3) == pytest.approx(10)


def test_one_door_never_cools_another(health):
    fail(health)
    assert health.waits(("a", "m", "embeddings")) == 0
    assert health.waits(("a", "other", "chat")) == 0
    assert health.waits(("b", "m", "chat")) == 0


def test_another_replicas_word_counts(health, clock):
    import time

    health.cool(PLACE, 0, time.time() + 30, "limit")
    assert health.waits(PLACE) == pytest.approx(30, abs=1)
    assert health.live_keys(PLACE, 2) == [1]
    health.cool(PLACE, None, time.time() + 60, "down")
    assert health.waits(PLACE, 2) == pytest.approx(60, abs=1)
    assert word(health) == "open"


def test_the_others_are_told():
    told = []
    health = Health(on_cooling=lambda *news: told.append(news))
    fail(health)
    assert [(place, key, why) for place, key, _, why in told] == [(PLACE, None, "oops")]
    health.failed(PLACE, 1, RateLimited("slow", retry_after=30))
    health.answered(PLACE, 5, True, 1)
    assert [(key, until > 0) for _, key, until, _ in told[1:]] == [(1, True), (None, False), (1, False)]


def test_usual_times_need_some_answers(health):
    for ms in range(1, 5):
        health.answered(PLACE, ms * 10, True)
    assert health.state(PLACE).usual(0.95) is None
    health.answered(PLACE, 50, True)
    assert health.state(PLACE).usual(0.95) == 50
    assert health.state(PLACE).usual(0.5) == 30
    assert health.state(PLACE).usual(0.5, stream=False) is None
