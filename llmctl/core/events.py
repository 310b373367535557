"""The one event stream: whatever a provider sends becomes these.

`index` is the number of the choice (0 unless n > 1). `as_dict` gives the object that `--jsonl`
writes; its keys are stable, additions only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class Event:
    """Base class. `type` is the name in `--jsonl`."""

    type: ClassVar[str] = "event"

    def as_dict(self) -> dict[str, Any]:
        return {"type": self.type, **asdict(self)}


@dataclass(frozen=True)
class Text(Event):
    """A piece of the answer."""

    type: ClassVar[str] = "text"
    text: str
    index: int = 0


@dataclass(frozen=True)
class Reasoning(Event):
    """A piece of the model's reasoning, in whichever shape it came."""

    type: ClassVar[str] = "reasoning"
    text: str
    index: int = 0


@dataclass(frozen=True)
class Refusal(Event):
    """A piece of a refusal (OpenAI's `refusal` field)."""

    type: ClassVar[str] = "refusal"
    text: str
    index: int = 0


@dataclass(frozen=True)
class ToolCallDelta(Event):
    """A piece of a tool call, `call` being its number in the choice. `name` comes with the first piece."""

    type: ClassVar[str] = "tool_call_delta"
    call: int
    id: str
    name: str
    arguments: str
    index: int = 0


@dataclass(frozen=True)
class ToolCall(Event):
    """A whole tool call. `arguments` is JSON text as the model wrote it; for a custom tool, its input."""

    type: ClassVar[str] = "tool_call"
    call: int
    id: str
    name: str
    arguments: str
    index: int = 0
    kind: str = "function"
    extra: dict[str, Any] = field(default_factory=dict)
    """Fields that must be sent back unchanged (Gemini's thought signatures)."""

    def as_message(self) -> dict[str, Any]:
        """The entry of `tool_calls` in an assistant message."""
        body = (
            {"name": self.name, "input": self.arguments}
            if self.kind == "custom"
            else {"name": self.name, "arguments": self.arguments}
        )
        return {"id": self.id, "type": self.kind, self.kind: body, **self.extra}


@dataclass(frozen=True)
class ToolResult(Event):
    """What a tool that ran gave back, or why it did not run. `ms` is how long it took."""

    type: ClassVar[str] = "tool_result"
    id: str
    name: str
    content: str
    is_error: bool
    ms: float


@dataclass(frozen=True)
class Echo(Event):
    """Fields of the answer's message that must be sent back unchanged with it, if it is sent back at all."""

    type: ClassVar[str] = "echo"
    fields: dict[str, Any]
    index: int = 0


@dataclass(frozen=True)
class Logprobs(Event):
    """Log probabilities of the tokens just sent, as the provider gives them."""

    type: ClassVar[str] = "logprobs"
    content: list[Any]
    index: int = 0


@dataclass(frozen=True)
class Usage(Event):
    """Token counts. None is unknown, never zero. `prompt_tokens` includes those read from a cache or
    written to one, `completion_tokens` includes reasoning.

    `cost` is what the provider says it billed, in US dollars.
    """

    type: ClassVar[str] = "usage"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: float | None = None
    cache_write_tokens: int | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"type": self.type, **self.counts()}

    def counts(self) -> dict[str, Any]:
        """The `usage` object of `--json`: tokens only."""
        return {name: value for name, value in asdict(self).items() if name != "cost"}


@dataclass(frozen=True)
class Finish(Event):
    """A choice is complete: stop | length | tool_calls | content_filter, or the provider's own word."""

    type: ClassVar[str] = "finish"
    reason: str
    index: int = 0


@dataclass(frozen=True)
class Done(Event):
    """The stream ended as it should. `model` and `id` are the provider's own words."""

    type: ClassVar[str] = "done"
    finish_reason: str
    model: str | None = None
    id: str | None = None
