"""/metrics: what is counted, merged over workers, and written for Prometheus."""

from __future__ import annotations

import json
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from llmctl.gateway.metrics import MOST_SERIES, Metrics, render
from llmctl.gateway.shown import LONGEST, MOST_STRANGERS, Shown
from support.dashboard import View, attempt, entry

Labels = dict[str, str]


def samples(*states: dict[str, Any]) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """(name, labels) → value, read by Prometheus' own parser."""
    families = text_string_to_metric_families(render(states).decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for each in families
        for sample in each.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


@pytest.fixture
def view() -> View:
    return View()


@pytest.fixture
def metrics(view: View) -> Metrics:
    return view.metrics


def test_requests_attempts_tokens_and_costs_are_counted(metrics: Metrics) -> None:
    two = [attempt("rate_limited", profile="spare", model="small", http_status=429), attempt(number=2)]
    metrics.observe([entry(attempts=two), entry(attempts=two), entry("client_left", attempts=[])])
    found = samples(metrics.state())
    target = {"profile": "work", "model": "big"}
    assert found[key("llmctl_requests_total", door="chat", outcome="ok", **target)] == 2
    assert found[key("llmctl_requests_total", door="chat", outcome="client_left", profile="", model="")] == 1
    assert found[key("llmctl_attempts_total", status="ok", **target)] == 2
    assert found[key("llmctl_attempts_total", status="rate_limited", profile="spare", model="small")] == 2
    tokens = {"prompt": 2000, "completion": 200, "cached": 800, "reasoning": 60}
    assert {kind: found[key("llmctl_tokens_total", kind=kind, **target)] for kind in tokens} == tokens
    assert found[key("llmctl_cost_usd_total", **target)] == pytest.approx(0.04)


def test_histograms_are_cumulative_in_seconds(metrics: Metrics) -> None:
    metrics.observe([entry(total_ms=ms, overhead_ms=ms / 1000) for ms in (20.0, 50.0, 60_000.0, 1e9)])
    found = samples(metrics.state())
    requests = [
        found[key("llmctl_request_seconds_bucket", door="chat", le=le)] for le in ("0.025", "0.05", "80.0", "+Inf")
    ]
    assert requests == [1, 2, 3, 4]  # a bound belongs to its bucket
    assert found[key("llmctl_request_seconds_count", door="chat")] == 4
    assert found[key("llmctl_request_seconds_sum", door="chat")] == pytest.approx(1e6 + 60.07)
    assert found[key("llmctl_overhead_seconds_bucket", le="5e-05")] == 2
    assert found[key("llmctl_first_token_seconds_bucket", profile="work", model="big", le="0.35")] == 4


def test_states_and_gauges(view: View, metrics: Metrics) -> None:
    view.monitor.begin(entry(""))
    metrics.observe([entry(attempts=[], cache="hit"), entry(cache="miss")])
    found = samples(metrics.state())
    cooling = {"target": "spare/small", "door": "chat"}
    assert found[key("llmctl_target_state", state="cooling", **cooling)] == 1
    assert found[key("llmctl_target_state", state="ok", **cooling)] == 0
    assert found[key("llmctl_in_flight")] == 1
    assert found[key("llmctl_cache_total", result="hit")] == 1
    assert found[key("llmctl_ledger_lost_total")] == 2
    assert found[key("llmctl_ledger_queue")] == 5
    assert found[key("llmctl_cpu_seconds_total")] > 0
    assert found[key("llmctl_resident_bytes")] > 10_000_000


def test_workers_add_up_after_a_way_through_json() -> None:
    views = [View(), View()]
    for count, view in enumerate(views, 1):
        view.metrics.observe([entry() for _ in range(count)])
    found = samples(*(json.loads(json.dumps(view.metrics.state())) for view in views))
    assert found[key("llmctl_requests_total", door="chat", outcome="ok", profile="work", model="big")] == 3
    assert found[key("llmctl_request_seconds_count", door="chat")] == 3
    assert found[key("llmctl_workers")] == 2
    assert found[key("llmctl_ledger_queue")] == 10
    assert sum(value for (name, _), value in found.items() if name == "llmctl_target_state") == 2


def test_clients_that_invent_models_do_not_grow_it_for_ever(view: View, metrics: Metrics) -> None:
    view.monitor.shown = Shown(lambda profile, model: (profile, model) == ("work", "big"))
    invented = [attempt("not_found", model=f"m{i}" + "x" * 400) for i in range(MOST_STRANGERS + 7)]
    metrics.observe([entry(attempts=[each], door=f"door-{i}") for i, each in enumerate(invented)])
    metrics.observe([entry(attempts=[attempt()], door="chat")])
    found = samples(metrics.state())
    assert found[key("llmctl_attempts_total", profile="work", model="other", status="not_found")] == 7
    assert found[key("llmctl_attempts_total", profile="work", model="big", status="ok")] == 1
    assert found[key("llmctl_requests_total", profile="work", model="big", door="chat", outcome="ok")] == 1
    assert found[key("llmctl_request_seconds_count", door="other")] == MOST_STRANGERS + 7
    assert sum(name == "llmctl_attempts_total" for name, _ in found) == MOST_STRANGERS + 2
    assert max(len(value) for _, labels in found for _, value in labels) <= LONGEST


def test_too_many_rows_are_the_strangers_loss(view: View, metrics: Metrics) -> None:
    """Names are few, but each of them ends in many ways."""
    view.monitor.shown = Shown(lambda _, model: model == "big")
    many = range(MOST_SERIES // MOST_STRANGERS + 2)
    ended = [attempt(f"status-{i}", model=f"m{j}") for i in many for j in range(MOST_STRANGERS)]
    metrics.observe([entry(attempts=[each]) for each in (*ended, attempt("late"))])
    found = samples(metrics.state())
    assert found[key("llmctl_attempts_total", profile="work", model="big", status="late")] == 1
    assert found[key("llmctl_attempts_total", profile="work", model="other", status="status-11")] == MOST_STRANGERS
    assert sum(name == "llmctl_attempts_total" for name, _ in found) == MOST_SERIES + 3


def test_labels_with_odd_characters_can_be_read_again(metrics: Metrics) -> None:
    odd = 'a"b\\c\nd é'
    metrics.observe([entry(attempts=[attempt(model=odd)])])
    assert key("llmctl_cost_usd_total", profile="work", model=odd) in samples(metrics.state())
