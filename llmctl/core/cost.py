"""What an answer cost."""

from __future__ import annotations

from collections.abc import Mapping

from llmctl.core.events import Usage


def cost_of(usage: Usage, price: Mapping[str, float] | None) -> float | None:
    """US dollars by a price table; None if unknown.

    `price`: input, output, cached_input, cache_write in USD per million tokens. Tokens read from a cache or
    written to it are part of the prompt tokens, and cost `input` where they have no price of their own.
    Reasoning tokens are part of the completion tokens.
    """
    if not price or usage.prompt_tokens is None:
        return None
    completion = usage.completion_tokens or 0
    if "input" not in price or (completion and "output" not in price):
        return None
    cached = min(usage.cached_tokens or 0, usage.prompt_tokens)
    written = min(usage.cache_write_tokens or 0, usage.prompt_tokens - cached)
    total = (
        (usage.prompt_tokens - cached - written) * price["input"]
        + cached * price.get("cached_input", price["input"])
        + written * price.get("cache_write", price["input"])
        + completion * price.get("output", 0.0)
    )
    return round(total / 1e6, 12)
