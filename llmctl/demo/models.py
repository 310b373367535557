"""The models the demo provider has, and what each is for."""

from __future__ import annotations

from typing import Any

from llmctl.demo.problems import Problem

CREATED = 1_767_225_600  # a fixed date, so that listings never change
CHAT = ("demo", "demo-think", "demo-length", "demo-slow", "demo-cut", "demo-garbage", "demo-429", "demo-500")
FAULTY = ("demo-slow", "demo-cut", "demo-garbage", "demo-429", "demo-500")
EMBEDDING = ("demo", "demo-embed", *FAULTY)
IMAGE = ("demo", "demo-image", *FAULTY)
SPEECH = ("demo", "demo-tts", *FAULTY)
TRANSCRIPTION = ("demo", "demo-whisper", *FAULTY)
MODERATION = ("demo", *FAULTY)
ALL = ("demo", "demo-embed", "demo-image", "demo-tts", "demo-whisper", *CHAT[1:])


def require(model: str, able: tuple[str, ...], purpose: str) -> None:
    """Refuse a model that doesn't exist, or can't do what is asked of it."""
    if model not in ALL:
        message = f"The model `{model}` does not exist or you do not have access to it."
    elif model not in able:
        message = f"The model `{model}` is not made for {purpose}. Try one of: {', '.join(able)}."
    else:
        return
    raise Problem(message, status=404, param="model", code="model_not_found")


def listing() -> dict[str, Any]:
    """The answer to GET /v1/models."""
    return {"object": "list", "data": [_model(name) for name in ALL]}


def single(name: str) -> dict[str, Any]:
    """The answer to GET /v1/models/{id}."""
    require(name, ALL, "this")
    return _model(name)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "llmctl"}
