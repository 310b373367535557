"""What a transcript shows: entries, which are messages, made of parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class TextPart:
    """Markdown in answers, plain text in what the user wrote."""

    text: str


@dataclass(slots=True)
class ReasoningPart:
    """What a model thought; folded to one line unless opened."""

    text: str


@dataclass(slots=True)
class ToolPart:
    """One call of a tool: `arguments` as the model wrote them, `ms` how long it took."""

    id: str
    name: str
    arguments: str
    result: str | None = None
    error: bool = False
    ms: float | None = None


@dataclass(slots=True)
class MediaPart:
    """A picture, a file or a long pasted text; `size` in bytes, `key` is the caller's."""

    name: str
    kind: str
    size: int
    key: str


Part = TextPart | ReasoningPart | ToolPart | MediaPart


@dataclass(slots=True)
class Entry:
    """One message. role: user, assistant, note, error; state: waiting, streaming, complete, stopped, broken."""

    key: str
    role: str
    parts: list[Part] = field(default_factory=list)
    title: str = ""
    state: str = "complete"
    footer: str = ""
    variant: tuple[int, int] = (1, 1)


def texts(part: Part) -> Iterator[str]:
    """What of a part can be searched."""
    match part:
        case TextPart() | ReasoningPart():
            yield part.text
        case ToolPart():
            yield from (part.name, part.arguments, part.result or "")
        case MediaPart():
            yield part.name
