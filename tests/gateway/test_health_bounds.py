"""How far the health of targets can be driven: by one incident, by one header, by names that are made up."""

from __future__ import annotations

import time

import pytest

from llmctl.core.faults import error_from_reply
from llmctl.errors import ProviderFault, QuotaExhausted, RateLimited
from llmctl.gateway.health import FAILURES, Health
from llmctl.gateway.shown import LONGEST, MOST_STRANGERS
from support.clock import Clock
from support.upstream import Reply, Upstream
from support.wire import completion

PLACE = ("a", "m", "chat")
LONGEST_REST = 300


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def health(clock):
    return Health(clock)


def test_one_incident_is_one_opening(health):
    """Thirty requests are under way when the provider goes away."""
    sent = [health.asked(PLACE) for _ in range(30)]
    for moment in sent:
        health.failed(PLACE, 0, ProviderFault("gone"), moment)
    assert health.waits(PLACE) == pytest.approx(10)


def test_failures_of_before_that_come_late_are_no_probes(health, clock):
    sent = [health.asked(PLACE) for _ in range(10)]
    for moment in sent[:FAILURES]:
        health.failed(PLACE, 0, ProviderFault("gone"), moment)
    clock.now += 10
    probe = health.asked(PLACE)
    clock.now += 1
    for moment in sent[FAILURES:]:
        health.failed(PLACE, 0, ProviderFault("timed out at last"), moment)
    assert health.waits(PLACE) > 0, "the probe is still under way"
    health.answered(PLACE, 5, False)
    assert health.waits(PLACE) == 0
    assert probe > sent[0]


def test_requests_that_are_sent_all_the_same_extend_nothing(health, clock):
    """The only target is asked while it rests."""
    for _ in range(FAILURES + 20):
        clock.now += 0.1
        health.failed(PLACE, 0, ProviderFault("gone"), health.asked(PLACE))
    assert 0 < health.waits(PLACE) <= 10


def test_many_probes_at_once_are_one_opening_too(health, clock):
    for _ in range(FAILURES):
        health.failed(PLACE, 0, ProviderFault("gone"), health.asked(PLACE))
    clock.now += 10
    sent = [health.asked(PLACE) for _ in range(10)]
    clock.now += 1
    for moment in sent:
        health.failed(PLACE, 0, ProviderFault("gone"), moment)
    assert health.waits(PLACE) == pytest.approx(20)


@pytest.mark.parametrize("told", [301, 3600, 999_999_999])
@pytest.mark.parametrize("kind", [RateLimited, QuotaExhausted])
def test_no_word_of_a_provider_rests_a_target_for_longer(health, kind, told):
    health.failed(PLACE, 0, kind("slow", retry_after=told))
    assert health.waits(PLACE) == LONGEST_REST


def test_a_wait_of_nothing_rests_it_as_if_none_were_told(health):
    health.failed(PLACE, 0, RateLimited("slow", retry_after=0.0))
    assert 0 < health.waits(PLACE) <= 10


@pytest.mark.parametrize("key", [0, None])
def test_no_word_of_another_replica_does_either(health, key):
    health.cool(PLACE, key, time.time() + 999_999_999, "limit")
    assert health.waits(PLACE) == 0


def test_the_others_are_told_no_more_than_that():
    told = []
    health = Health(on_cooling=lambda *news: told.append(news))
    health.failed(PLACE, 0, RateLimited("slow", retry_after=999_999_999))
    assert told[0][2] <= time.time() + LONGEST_REST + 1


def test_a_date_counts_without_the_replys_own_date():
    later = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 40))
    error = error_from_reply(429, {"retry-after": later}, b"")
    assert error.retry_after is not None
    assert 30 < error.retry_after <= 40


@pytest.mark.parametrize("text", ["-5", "soon", "nan", "inf", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_what_is_no_wait_is_none(text):
    assert not error_from_reply(429, {"retry-after": text}, b"").retry_after


def test_made_up_names_come_to_an_end_and_configured_ones_stay(clock):
    health = Health(clock, is_known=lambda place: place[1].startswith("own"))
    for number in range(20):
        health.failed(("a", f"own-{number}", "chat"), 0, ProviderFault("x"), health.asked(("a", "own", "chat")))
    for number in range(3 * MOST_STRANGERS):
        health.asked(("a", f"made-up-{number}" + "x" * 400, "chat"))
    rows = health.report()
    assert {f"a/own-{number}" for number in range(20)} <= {row["target"] for row in rows}
    assert len(rows) <= MOST_STRANGERS + 21
    assert max(len(row["target"]) for row in rows) <= LONGEST + 2


def test_the_gateway_tells_its_own_targets_from_made_up_ones(serve):
    with Upstream(default=Reply(body=completion("fine"))) as up:
        gateway = serve(
            f'[profiles.a]\nbase_url = "{up.url}/v1"\nmodel = "default"\n'
            '[aliases]\nown = "a/aliased"\n[routes.both]\ntargets = ["a/first", "a/second"]\n'
        )
        with gateway.client() as client:
            for number in range(2 * MOST_STRANGERS):
                name = f"a/{number}-{'x' * 480}"
                client.ask("POST", "/v1/chat/completions", {"model": name, "messages": []})
        for name in ("own", "both", "a"):
            assert gateway.chat(name).status == 200
        end = time.monotonic() + 20
        while b'model="default",outcome' not in gateway.get("/metrics").body:
            assert time.monotonic() < end, "it is never counted"
        told = gateway.get("/metrics").body
        for model in (b"aliased", b"first", b"default"):
            assert b'llmctl_attempts_total{model="%b"' % model in told
        state = gateway.get("/api/state")
        assert {"a/aliased", "a/first", "a/default"} <= {row["target"] for row in state.json()["models"]}
        assert (len(told) < 1_000_000, len(state.body) < 300_000) == (True, True)
