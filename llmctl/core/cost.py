"""What an answer cost."""

from __future__ import annotations

from collections.abc import Mapping

from llmctl.core.events import Usage


def cost_of(usage: Usage, price: Mapping[str, float] | None) -> float | None:
    """US dollars by a price table (input, output, cached_input: USD per million tokens); None if unknown.

    Cached tokens are part of the prompt tokens and cost `input` where `cached_input` is not given.
    """
    if not price or usage.prompt_tokens is None:
        return None
    completion = usage.completion_tokens or 0
    if "input" not in price or (completion and "output" not in price):
        return None
    cached = min(usage.cached_tokens or 0, usage.prompt_tokens)
    total = (
        (usage.prompt_tokens - cached) * price["input"]
        + cached * price.get("cached_input", price["input"])
        + completion * price.get("output", 0.0)
    )
    return round(total / 1e6, 12)
