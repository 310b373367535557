"""Model lists, from the many shapes in which providers give them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from llmctl.core.chat import parse_json
from llmctl.core.faults import error_in_body
from llmctl.core.numbers import amount, count
from llmctl.errors import NotUnderstood


@dataclass(frozen=True)
class Model:
    """A model as listed. `context` is in tokens, prices in USD per million tokens; None is unknown."""

    id: str
    owned_by: str | None = None
    created: int | None = None
    context: int | None = None
    input_price: float | None = None
    output_price: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def read_models(body: bytes) -> list[Model]:
    """{data: […]}, {models: […]} or a bare list; entries are objects or names. Raises NotUnderstood."""
    payload = parse_json(body)
    error = error_in_body(payload)
    if error:
        raise error
    if isinstance(payload, Mapping):
        payload = next((payload[key] for key in ("data", "models") if isinstance(payload.get(key), list)), None)
    if not isinstance(payload, list):
        raise NotUnderstood("the provider's answer is not a list of models")
    models = [_model(entry) for entry in payload]
    return sorted({model.id: model for model in models if model.id}.values(), key=lambda model: model.id)


def _model(entry: Any) -> Model:
    if isinstance(entry, str):
        return Model(entry)
    if not isinstance(entry, Mapping):
        return Model("")
    name = next((entry[key] for key in ("id", "name", "model") if isinstance(entry.get(key), str)), "")
    owner = entry.get("owned_by")
    created = amount(entry.get("created"))
    return Model(
        id=name.removeprefix("models/"),  # Gemini
        owned_by=owner if isinstance(owner, str) and owner else None,
        created=int(created) if created and created < 1e11 else None,
        context=context_of(entry),
        input_price=_price(entry, "prompt", "input"),
        output_price=_price(entry, "completion", "output"),
    )


def context_of(entry: Mapping[str, Any]) -> int | None:
    """context_length (OpenRouter, Together), context_window (Groq), max_model_len (vLLM), and others."""
    meta = entry.get("meta")
    names = (
        "context_length",
        "context_window",
        "max_context_length",
        "max_model_len",
        "max_input_tokens",
        "n_ctx",
        "n_ctx_train",
    )
    for table in (entry, meta if isinstance(meta, Mapping) else {}):
        for name in names:
            value = count(table.get(name))
            if value:
                return value
    return None


def _price(entry: Mapping[str, Any], per_token: str, per_million: str) -> float | None:
    """OpenRouter: USD a token, as a string; Together: USD a million tokens, as a number."""
    pricing = entry.get("pricing")
    if not isinstance(pricing, Mapping):
        return None
    value = pricing.get(per_token)
    if isinstance(value, str):
        try:
            price = amount(float(value) * 1e6)
        except ValueError:
            return None
        return None if price is None else round(price, 6)  # OpenRouter's routers say -1: it depends
    return amount(pricing.get(per_million))
