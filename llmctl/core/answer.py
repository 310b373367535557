"""A whole answer, collected from the events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from llmctl.core.events import (
    Done,
    Echo,
    Event,
    Finish,
    Logprobs,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    Usage,
)


@dataclass
class Choice:
    """One of n answers. `text` and `reasoning` are lists of pieces while the stream runs."""

    pieces: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    tool_calls: list[ToolCall] = field(default_factory=list)
    logprobs: list[Any] = field(default_factory=list)
    finish_reason: str | None = None
    echo: dict[str, Any] = field(default_factory=dict)

    @property
    def content(self) -> str:
        return "".join(self.pieces)

    @property
    def reasoning(self) -> str | None:
        return "".join(self.thoughts) or None

    @property
    def refusal(self) -> str | None:
        return "".join(self.refusals) or None

    def as_dict(self) -> dict[str, Any]:
        return {
            "content": self.content,
            "reasoning": self.reasoning,
            "refusal": self.refusal,
            "tool_calls": [call.as_message() for call in self.tool_calls],
            "finish_reason": self.finish_reason,
            **({"logprobs": self.logprobs} if self.logprobs else {}),
            **({"echo": self.echo} if self.echo else {}),
        }

    def as_message(self) -> dict[str, Any]:
        """The assistant's message in a conversation that goes on.

        `reasoning` is sent on only where the provider's quirks ask for it.
        """
        message: dict[str, Any] = {"role": "assistant", "content": self.content}
        if not self.content and (self.tool_calls or self.refusal):
            message["content"] = None
        more = {
            "reasoning": self.reasoning,
            "refusal": self.refusal,
            "tool_calls": [call.as_message() for call in self.tool_calls],
        }
        return message | {name: value for name, value in more.items() if value} | self.echo


@dataclass
class Answer:
    """What came back: `choices` by index, usage, and the model's and answer's names at the provider.

    `content`, `reasoning`, `tool_calls` and `finish_reason` are those of the first choice.
    """

    choices: dict[int, Choice] = field(default_factory=dict)
    usage: Usage | None = None
    model: str | None = None
    id: str | None = None
    complete: bool = False

    @property
    def first(self) -> Choice:
        return self.choices[min(self.choices)] if self.choices else Choice()

    @property
    def content(self) -> str:
        return self.first.content

    @property
    def reasoning(self) -> str | None:
        return self.first.reasoning

    @property
    def tool_calls(self) -> list[ToolCall]:
        return self.first.tool_calls

    @property
    def finish_reason(self) -> str | None:
        return self.first.finish_reason

    def add(self, event: Event) -> None:
        """Take the next event of the stream."""
        if isinstance(event, Usage):
            self.usage = event
        elif isinstance(event, Done):
            self.complete, self.model, self.id = True, event.model, event.id
        else:
            index = getattr(event, "index", 0)
            _collect(self.choices.setdefault(index, Choice()), event)


def _collect(choice: Choice, event: Event) -> None:
    match event:
        case Text(text=text):
            choice.pieces.append(text)
        case Reasoning(text=text):
            choice.thoughts.append(text)
        case Refusal(text=text):
            choice.refusals.append(text)
        case ToolCall():
            choice.tool_calls.append(event)
        case Logprobs(content=content):
            choice.logprobs += content
        case Echo(fields=fields):
            choice.echo = fields
        case Finish(reason=reason):
            choice.finish_reason = reason
