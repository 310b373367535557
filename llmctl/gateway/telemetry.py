"""OpenTelemetry by the GenAI semantic conventions: spans and metrics, told when a request has ended.

A request of a client is a SERVER span; each attempt to answer it is a CLIENT span below. Nothing here
holds a prompt or a key.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llmctl import __version__
from llmctl.core.events import Usage
from llmctl.errors import ConfigError
from llmctl.gateway.entry import CANCELLED, LEFT, OK, Attempt, Entry
from llmctl.gateway.monitor import attempt_failed

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import Histogram
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span

Attributes = dict[str, str | int | float | bool]

OPERATIONS = {
    "chat": "chat",
    "responses": "chat",
    "messages": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
}
"""Door → gen_ai.operation.name; other doors go by their own names."""

PROVIDERS = {
    "azure": "azure.ai.openai",
    "azure-classic": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "vertex": "gcp.vertex_ai",
    "xai": "x_ai",
}
"""Names of the catalogue → gen_ai.provider.name, where they differ."""

_TOKENS = [4**power for power in range(14)]
_SECONDS = [0.01 * 2**power for power in range(14)]
_FIRST = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0]
"""Bounds of buckets, as the conventions recommend them."""


class Telemetry:
    """Sends to where OTEL_EXPORTER_OTLP_ENDPOINT says; or hands spans and metrics to what is given.

    Raises ConfigError without the package. `close` sends what waits and may take seconds.
    """

    def __init__(self, spans: SpanProcessor | None = None, metrics: MetricReader | None = None) -> None:
        try:
            from opentelemetry.sdk.metrics import MeterProvider
            from opentelemetry.sdk.trace import TracerProvider

            spans, metrics = spans or _span_sender(), metrics or _metric_sender()
        except ImportError as error:
            raise ConfigError(
                "serve.otel needs one more package", hint="pip install 'llmctl[otel]', or otel = false"
            ) from error
        resource = _resource()
        self._tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._tracers.add_span_processor(spans)
        self._meters = MeterProvider([metrics], resource=resource, shutdown_on_exit=False)
        self._tracer = self._tracers.get_tracer("llmctl.gateway", __version__)
        self._instruments = self._make_instruments()

    def observe(self, entries: Iterable[Entry]) -> None:
        """Tell of requests that have ended."""
        for entry in entries:
            self._observe(entry)

    def close(self) -> None:
        self._tracers.shutdown()
        self._meters.shutdown()

    def _make_instruments(self) -> Mapping[str, Histogram]:
        meter = self._meters.get_meter("llmctl.gateway", __version__)
        kinds = (
            ("gen_ai.client.token.usage", "{token}", "Number of input and output tokens used.", _TOKENS),
            ("gen_ai.client.operation.duration", "s", "GenAI operation duration.", _SECONDS),
            ("gen_ai.client.operation.time_to_first_chunk", "s", "Time to receive the first chunk.", _SECONDS),
            ("gen_ai.server.time_to_first_token", "s", "Time to generate the first token.", _FIRST),
        )
        return {
            name: meter.create_histogram(name, unit, about, explicit_bucket_boundaries_advisory=bounds)
            for name, unit, about, bounds in kinds
        }

    def _observe(self, entry: Entry) -> None:
        from opentelemetry.trace import SpanKind, set_span_in_context

        operation = OPERATIONS.get(entry.door, entry.door)
        span = self._tracer.start_span(
            f"{operation} {entry.model}".strip(),
            context=_parent(entry.traceparent),
            kind=SpanKind.SERVER,
            attributes=_entry_attributes(entry, operation),
            start_time=_nanoseconds(entry.started),
        )
        inside = set_span_in_context(span)
        for attempt in entry.attempts:
            self._observe_attempt(entry, attempt, inside)
        if _failed(entry):
            _fail(span, entry.outcome)
        span.end(_end(entry.started, entry.total_ms))

    def _observe_attempt(self, entry: Entry, attempt: Attempt, context: Context) -> None:
        from opentelemetry.trace import SpanKind

        common = _common_attributes(entry, attempt)
        span = self._tracer.start_span(
            f"{common['gen_ai.operation.name']} {attempt.model}",
            context=context,
            kind=SpanKind.CLIENT,
            attributes={**common, **_attempt_attributes(entry, attempt)},
            start_time=_nanoseconds(attempt.started),
        )
        if attempt_failed(attempt):
            _fail(span, attempt.status)
            common["error.type"] = attempt.status
        span.end(_end(attempt.started, attempt.total_ms))
        self._measure(entry, attempt, common)

    def _measure(self, entry: Entry, attempt: Attempt, common: Attributes) -> None:
        record = self._instruments
        if attempt.total_ms is not None:
            record["gen_ai.client.operation.duration"].record(attempt.total_ms / 1000, common)
        if attempt.first_token_ms is not None:
            if entry.stream:
                record["gen_ai.client.operation.time_to_first_chunk"].record(attempt.first_token_ms / 1000, common)
            record["gen_ai.server.time_to_first_token"].record(attempt.first_token_ms / 1000, common)
        if usage := attempt.usage:
            plain = {name: value for name, value in common.items() if name != "error.type"}
            for kind, count in (("input", usage.prompt_tokens), ("output", usage.completion_tokens)):
                if count is not None:
                    record["gen_ai.client.token.usage"].record(count, {**plain, "gen_ai.token.type": kind})


def _common_attributes(entry: Entry, attempt: Attempt) -> Attributes:
    """Those that spans and metrics share."""
    parts = urlsplit(attempt.base_url)
    provider = attempt.provider or attempt.profile
    found: Attributes = {
        "gen_ai.operation.name": OPERATIONS.get(entry.door, entry.door),
        "gen_ai.provider.name": PROVIDERS.get(provider, provider),
        "gen_ai.request.model": attempt.model,
    }
    if attempt.answered_by:
        found["gen_ai.response.model"] = attempt.answered_by
    if parts.hostname:
        found["server.address"] = parts.hostname
        found["server.port"] = parts.port or (443 if parts.scheme == "https" else 80)
    return found


def _attempt_attributes(entry: Entry, attempt: Attempt) -> Attributes:
    usage = attempt.usage or Usage()
    streamed = entry.stream and attempt.first_token_ms is not None
    found: Mapping[str, str | int | float | bool | None] = {
        "gen_ai.request.stream": entry.stream or None,
        "gen_ai.response.time_to_first_chunk": (attempt.first_token_ms or 0) / 1000 if streamed else None,
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
        "http.response.status_code": attempt.http_status,
        "llmctl.profile": attempt.profile,
        "llmctl.attempt": attempt.number,
        "llmctl.why": attempt.why,
        "llmctl.outcome": attempt.status,
        "llmctl.cost_usd": attempt.cost,
        "llmctl.upstream_request_id": attempt.request_id or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _entry_attributes(entry: Entry, operation: str) -> Attributes:
    found: Mapping[str, str | int | float | None] = {
        "gen_ai.operation.name": operation,
        "gen_ai.request.model": entry.model or None,
        "http.response.status_code": entry.status or None,
        "llmctl.request_id": entry.id,
        "llmctl.outcome": entry.outcome,
        "llmctl.caller": entry.caller or None,
        "llmctl.route": entry.route or None,
        "llmctl.cache": entry.cache or None,
        "llmctl.attempts": len(entry.attempts),
        "llmctl.overhead_ms": entry.overhead_ms,
        "llmctl.cost_usd": entry.cost,
    }
    return {name: value for name, value in found.items() if value is not None}


def _failed(entry: Entry) -> bool:
    """The server's failures, an answer that broke off included; what a client did wrong is none."""
    return entry.outcome not in (OK, LEFT, CANCELLED) and (entry.status == 200 or entry.status >= 500)


def _fail(span: Span, code: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_attribute("error.type", code)
    span.set_status(Status(StatusCode.ERROR))


def _parent(traceparent: str) -> Context | None:
    """The client's span (W3C trace context); None where it sent none that can be read."""
    if not traceparent:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": traceparent})


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)


def _end(started: float, total_ms: float | None) -> int:
    return _nanoseconds(started + (total_ms or 0) / 1000)


def _resource() -> Resource:
    from opentelemetry.sdk.resources import Resource

    named = "OTEL_SERVICE_NAME" in os.environ or "service.name" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return Resource.create({"service.version": __version__} | ({} if named else {"service.name": "llmctl"}))


def _span_sender() -> SpanProcessor:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return BatchSpanProcessor(OTLPSpanExporter())


def _metric_sender() -> MetricReader:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    return PeriodicExportingMetricReader(OTLPMetricExporter())
