"""What a request cost: as billed, by the user's [prices], by genai-prices; else unknown, never zero.

genai-prices takes a quarter of a second to import, so what it says of a model is kept for a day.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llmctl.config.catalogue import load_catalogue
from llmctl.config.configfile import Config
from llmctl.config.files import write_private
from llmctl.core.cost import cost_of
from llmctl.core.events import Usage
from llmctl.errors import ConfigError
from llmctl.store.ledger import BY_GENAI, BY_PRICES, BY_PROVIDER, UNKNOWN, Request

Price = Mapping[str, float]
_UNITS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
}
_TIERED = "tiered"
"""Kept for a model whose price depends on more than the tokens: it is asked for anew each time."""


class Pricing:
    """Prices requests. `cache` is the folder in which prices are kept; None keeps none."""

    def __init__(self, config: Config, cache: Path | None = None) -> None:
        self._config = config
        self._file = cache / "prices.json" if cache else None
        self._kept: dict[str, Any] | None = None

    def known(self, request: Request, billed: float | None = None) -> Request:
        """The request with its cost, if provider or user say it. Raises ConfigError for a bad [prices]."""
        if billed is not None:
            return replace(request, cost=billed, cost_by=BY_PROVIDER)
        own = self._config.price(request.profile, request.model)
        cost = cost_of(_usage(request), own) if own else None
        return request if cost is None else replace(request, cost=cost, cost_by=BY_PRICES)

    def priced(self, request: Request, billed: float | None = None) -> Request:
        """The request with its cost, or with the word that it is unknown."""
        known = self.known(request, billed)
        if known.cost_by:
            return known
        cost = self._looked_up(request) if request.prompt_tokens is not None else None
        return replace(request, cost=cost, cost_by=UNKNOWN if cost is None else BY_GENAI)

    def prompt_cost(self, request: Request, tokens: int) -> float | None:
        """US dollars for a prompt of this length, for limits that hold before anything is sent."""
        asked = replace(request, prompt_tokens=tokens, completion_tokens=0, cached_tokens=None)
        return self.priced(asked).cost

    def _looked_up(self, request: Request) -> float | None:
        kept = self._load()
        today = datetime.now(UTC).date().isoformat()
        of_today = datetime.fromtimestamp(request.time, UTC).date().isoformat() == today
        for url in _addresses(request):
            for model in dict.fromkeys([request.model, request.answered_by]):
                name = f"{today} {url} {model}"
                price: Any = kept.get(name, _TIERED) if of_today else _TIERED
                if price == _TIERED:
                    cost, price = _genai(request, url, model)
                    if of_today:
                        self._keep(name, price)
                else:
                    cost = cost_of(_usage(request), price)
                if cost is not None:
                    return cost
        return None

    def _load(self) -> dict[str, Any]:  # name -> a table of prices, None or _TIERED
        if self._kept is None:
            self._kept = {}
            with contextlib.suppress(OSError, ValueError, RecursionError):
                kept = json.loads(self._file.read_bytes()) if self._file else {}
                if isinstance(kept, dict):
                    self._kept = {name: price for name, price in kept.items() if _is_price(price)}
        return self._kept

    def _keep(self, name: str, price: Price | str | None) -> None:
        """Prices of other days go: they may have changed."""
        day = name.partition(" ")[0]
        self._kept = {key: value for key, value in self._load().items() if key.startswith(day)} | {name: price}
        if self._file:
            with contextlib.suppress(ConfigError):  # a cache that can't be written is no reason to fail
                write_private(self._file, json.dumps(self._kept).encode())


def flat_price(request: Request) -> Price | None:
    """The price of a request's model as a table; None where a table can't say it, or nobody knows."""
    for url in _addresses(request):
        _, price = _genai(replace(request, prompt_tokens=0, completion_tokens=0), url, request.model)
        if isinstance(price, Mapping):
            return price
    return None


def _addresses(request: Request) -> Iterator[str]:
    """Where the request went; else, behind a gateway, the address of the provider that the profile names."""
    if request.base_url:
        yield request.base_url
    provider = load_catalogue().get(request.provider)
    if provider and provider.base_url and provider.base_url != request.base_url:
        yield provider.base_url


def _genai(request: Request, url: str, model: str) -> tuple[float | None, Price | str | None]:
    """(the cost, the price as it can be kept)."""
    if not model:
        return None, None
    import genai_prices

    prompt = request.prompt_tokens or 0
    cached = min(request.cached_tokens or 0, prompt)
    usage = genai_prices.Usage(
        input_tokens=prompt,
        output_tokens=request.completion_tokens or 0,
        cache_read_tokens=cached,
        cache_write_tokens=min(request.cache_write_tokens or 0, prompt - cached),
    )
    try:
        found = genai_prices.calc_price(
            usage,
            model,
            provider_api_url=url,
            genai_request_timestamp=datetime.fromtimestamp(request.time or time.time(), UTC),
        )
    except (LookupError, ValueError):
        return None, None
    return float(found.total_price), _flat(found.model_price)


def _flat(model_price: Any) -> Price | str:
    """The price as a table; _TIERED where a table can't say it."""
    table = {}
    for name, unit in _UNITS.items():
        value = getattr(model_price, unit, None)
        if value is None:
            continue
        try:
            table[name] = float(value)
        except TypeError:
            return _TIERED
    return table if "input" in table and "output" in table else _TIERED


def _is_price(kept: Any) -> bool:
    """Whether this is what is kept for a model."""
    if isinstance(kept, dict):
        return kept.keys() >= {"input", "output"} and all(isinstance(each, int | float) for each in kept.values())
    return kept is None or kept == _TIERED


def _usage(request: Request) -> Usage:
    return Usage(
        request.prompt_tokens,
        request.completion_tokens,
        cached_tokens=request.cached_tokens,
        cache_write_tokens=request.cache_write_tokens,
    )
