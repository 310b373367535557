"""OpenTelemetry: the spans and metrics of the GenAI conventions, with the real times."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from llmctl.gateway.entry import Entry
from llmctl.gateway.telemetry import Telemetry
from support.dashboard import NOW, attempt, entry


class Collected:
    """Telemetry whose spans and metrics stay here."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.telemetry = Telemetry(SimpleSpanProcessor(self._spans), self._reader)

    def spans(self, *entries: Entry) -> list[ReadableSpan]:
        """The request's span, then those of its attempts."""
        self.telemetry.observe(entries)
        return sorted(self._spans.get_finished_spans(), key=lambda span: span.kind is SpanKind.CLIENT)

    def points(self) -> dict[str, list[Any]]:
        """Name of a metric → its data points."""
        data = self._reader.get_metrics_data()
        assert data is not None
        found = [
            metric for each in data.resource_metrics for scope in each.scope_metrics for metric in scope.metrics
        ]
        return {metric.name: list(metric.data.data_points) for metric in found}


@pytest.fixture
def collected() -> Iterator[Collected]:
    kept = Collected()
    yield kept
    kept.telemetry.close()


def test_a_request_and_its_attempts_are_spans_with_their_own_times(collected: Collected) -> None:
    failed = attempt("rate_limited", http_status=429, total_ms=100.0, why="first of the route fast")
    good = attempt(number=2, started=NOW - 0.8, answered_by="big-2026", profile="mist", provider="mistral")
    server, first, second = collected.spans(entry(attempts=[failed, good], model="fast", route="fast"))
    assert (server.name, server.kind) == ("chat fast", SpanKind.SERVER)
    assert (server.start_time, server.end_time) == (int((NOW - 1) * 1e9), int(NOW * 1e9))
    assert server.status.status_code is StatusCode.UNSET
    assert server.attributes is not None
    assert server.attributes["http.response.status_code"] == 200
    assert server.attributes["llmctl.route"] == "fast"
    assert (first.name, first.kind, first.start_time) == ("chat big", SpanKind.CLIENT, int((NOW - 1) * 1e9))
    assert first.end_time == int((NOW - 0.9) * 1e9)
    assert first.attributes is not None
    assert first.attributes["error.type"] == "rate_limited"
    assert first.status.status_code is StatusCode.ERROR
    assert second.attributes is not None
    assert dict(second.attributes) | {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "mistral_ai",
        "gen_ai.request.model": "big",
        "gen_ai.request.stream": True,
        "gen_ai.response.model": "big-2026",
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 100,
        "gen_ai.usage.cache_read.input_tokens": 400,
        "gen_ai.usage.reasoning.output_tokens": 30,
        "server.address": "llm.example.com",
        "server.port": 443,
        "llmctl.why": "named by the client",
    } == dict(second.attributes)
    assert server.context is not None
    for span in (first, second):
        assert span.parent is not None
        assert span.parent.span_id == server.context.span_id


def test_the_clients_own_trace_goes_on(collected: Collected) -> None:
    traced = entry(traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    server, _ = collected.spans(traced)
    assert server.parent is not None
    assert server.parent.span_id == 0xB7AD6B7169203331
    assert server.context is not None
    assert server.context.trace_id == 0x0AF7651916CD43DD8448EB211C80319C


@pytest.mark.parametrize(
    ("outcome", "status", "failed"),
    [
        ("ok", 200, False),
        ("server_error", 502, True),
        ("stream_broken", 200, True),
        ("not_found", 404, False),
        ("client_left", 200, False),
        ("cancelled", 0, False),
    ],
)
def test_the_servers_failures_are_errors_and_others_are_not(
    collected: Collected, outcome: str, status: int, failed: bool
) -> None:
    server, _ = collected.spans(entry(outcome, status=status))
    assert (server.status.status_code is StatusCode.ERROR) == failed
    assert ("error.type" in (server.attributes or {})) == failed


def test_metrics_of_tokens_and_times(collected: Collected) -> None:
    collected.telemetry.observe([entry(), entry("server_error"), entry(door="embeddings", stream=False)])
    points = collected.points()
    usage = {
        (point.attributes["gen_ai.operation.name"], point.attributes["gen_ai.token.type"]): point.sum
        for point in points["gen_ai.client.token.usage"]
    }
    assert usage == {
        ("chat", "input"): 1000,
        ("chat", "output"): 100,
        ("embeddings", "input"): 1000,
        ("embeddings", "output"): 100,
    }
    durations = points["gen_ai.client.operation.duration"]
    assert {point.attributes.get("error.type") for point in durations} == {None, "server_error"}
    assert [point.sum for point in points["gen_ai.client.operation.time_to_first_chunk"]] == [0.25]
    first = points["gen_ai.server.time_to_first_token"]
    assert sum(point.count for point in first) == 2
    assert first[0].explicit_bounds[-1] == 10.0


def test_without_the_package_the_error_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['opentelemetry.sdk.trace'] = None\n"
        "from llmctl.gateway.telemetry import Telemetry\n"
        "from llmctl.errors import ConfigError\n"
        "try: Telemetry()\n"
        "except ConfigError as error: print(error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True)
    assert "pip install 'llmctl[otel]'" in done.stdout


def test_importing_it_does_not_import_opentelemetry() -> None:
    code = "import sys, llmctl.gateway.telemetry; print([name for name in sys.modules if 'opentelemetry' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True)
    assert done.stdout.strip() == "[]"
