"""Usage, from the many shapes in which providers count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from llmctl.core.events import Usage
from llmctl.core.numbers import amount, count
from llmctl.core.quirks import Quirks


def read_usage(raw: Any, quirks: Quirks) -> Usage | None:
    """Normalise a provider's `usage` object (OpenAI's, DeepSeek's, Anthropic's names). None if it is none."""
    if not isinstance(raw, Mapping):
        return None
    prompt = _count(raw, "prompt_tokens", "input_tokens")
    completion = _count(raw, "completion_tokens", "output_tokens")
    if prompt is None and completion is None:
        return None
    inputs = _table(raw, "prompt_tokens_details", "input_tokens_details")
    written = _count(inputs, "cache_write_tokens", "cache_creation_tokens")
    if written is None:
        written = _count(raw, "cache_creation_input_tokens")
    read = _count(raw, "cache_read_input_tokens")
    if prompt is not None and "prompt_tokens" not in raw:
        prompt += (read or 0) + (_count(raw, "cache_creation_input_tokens") or 0)  # Anthropic counts them apart
    details = _table(raw, "completion_tokens_details", "output_tokens_details")
    reasoning = _count(details, "reasoning_tokens", "thinking_tokens")
    if reasoning is None:
        reasoning = _count(raw, "reasoning_tokens")
    if quirks.reasoning_apart and completion is not None:
        completion += reasoning or 0
    total = _count(raw, "total_tokens")
    if total is None and prompt is not None and completion is not None:
        total = prompt + completion
    cached = _count(inputs, "cached_tokens")
    if cached is None:
        cached = _count(raw, "prompt_cache_hit_tokens", "cached_tokens")
    cached = read if cached is None else cached
    return Usage(prompt, completion, total, cached, reasoning, _billed(raw, quirks), written)


def sum_usage(parts: Sequence[Usage | None]) -> Usage | None:
    """The usage of several answers together; a count that one of them leaves out stays unknown."""
    known = [asdict(part) for part in parts if part is not None]
    if not parts or len(known) < len(parts):
        return None
    return Usage(**{name: _sum([counts[name] for counts in known]) for name in known[0]})


def _sum(counts: Sequence[Any]) -> Any:
    return None if None in counts else sum(counts)


def _count(table: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        value = table.get(name)
        number = value if type(value) is int and value >= 0 else count(value)  # nearly always a plain number
        if number is not None:
            return number
    return None


def _table(raw: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        value = raw.get(name)
        if isinstance(value, Mapping):
            return value
    return {}


def _billed(raw: Mapping[str, Any], quirks: Quirks) -> float | None:
    if not quirks.cost:
        return None
    value: Any = raw
    for name in quirks.cost.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    billed = amount(value)
    return None if billed is None else billed / quirks.cost_units_per_usd
