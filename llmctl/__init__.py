"""One client for every OpenAI-compatible provider.

    from llmctl import Client

    async with Client("demo") as client:
        async for event in client.stream("Say hello"):
            print(getattr(event, "text", ""), end="")

The names in `__all__` are the public surface; they are imported when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Client": "llmctl.client.client",
    "Reply": "llmctl.client.client",
    "Answer": "llmctl.core.answer",
    "Choice": "llmctl.core.answer",
    "Embeddings": "llmctl.core.embeddings",
    "Image": "llmctl.core.images",
    "Model": "llmctl.core.models",
    "Quirks": "llmctl.core.quirks",
    "RetryPolicy": "llmctl.core.retry",
    "SSEDecoder": "llmctl.core.sse",
    "Target": "llmctl.config.target",
    "Timeouts": "llmctl.config.target",
    "resolve_target": "llmctl.config.resolve",
    **dict.fromkeys(
        (
            "Event",
            "Text",
            "Reasoning",
            "Refusal",
            "ToolCallDelta",
            "ToolCall",
            "Logprobs",
            "Usage",
            "Finish",
            "Done",
        ),
        "llmctl.core.events",
    ),
    "LlmctlError": "llmctl.errors",
}

__all__ = ["__version__", *_HOMES]

if TYPE_CHECKING:
    from llmctl.client.client import Client as Client
    from llmctl.client.client import Reply as Reply
    from llmctl.config.resolve import resolve_target as resolve_target
    from llmctl.config.target import Target as Target
    from llmctl.config.target import Timeouts as Timeouts
    from llmctl.core.answer import Answer as Answer
    from llmctl.core.answer import Choice as Choice
    from llmctl.core.embeddings import Embeddings as Embeddings
    from llmctl.core.events import Done as Done
    from llmctl.core.events import Event as Event
    from llmctl.core.events import Finish as Finish
    from llmctl.core.events import Logprobs as Logprobs
    from llmctl.core.events import Reasoning as Reasoning
    from llmctl.core.events import Refusal as Refusal
    from llmctl.core.events import Text as Text
    from llmctl.core.events import ToolCall as ToolCall
    from llmctl.core.events import ToolCallDelta as ToolCallDelta
    from llmctl.core.events import Usage as Usage
    from llmctl.core.images import Image as Image
    from llmctl.core.models import Model as Model
    from llmctl.core.quirks import Quirks as Quirks
    from llmctl.core.retry import RetryPolicy as RetryPolicy
    from llmctl.core.sse import SSEDecoder as SSEDecoder
    from llmctl.errors import LlmctlError as LlmctlError


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'llmctl' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
