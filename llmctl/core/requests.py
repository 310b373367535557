"""Request bodies: parameters in, JSON object out, the provider's quirks applied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmctl.core.quirks import STRUCTURED, Quirks

Message = Mapping[str, Any]


@dataclass(frozen=True)
class Upload:
    """A body too large to be held: `chunks` gives its portions anew for each attempt, `size` bytes in all."""

    chunks: Callable[[], Iterator[bytes]]
    size: int


@dataclass(frozen=True)
class HttpRequest:
    """What a transport sends: `body` or `upload`. `secrets` are the header names whose values are never shown."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None
    secrets: frozenset[str] = frozenset()
    upload: Upload | None = None

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return self.upload.size if self.upload else len(self.body or b"")


@dataclass(frozen=True)
class Content:
    """What a request of any kind carries. `headers` beat those that are sent by default."""

    body: bytes | Upload | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Body:
    """A JSON body, and what the quirks left out of it, as sentences for stderr."""

    json: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def user_message(prompt: str, system: str | None = None) -> list[dict[str, Any]]:
    """The messages of a conversation of one prompt."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    return [*messages, {"role": "user", "content": prompt}]


def chat_body(
    model: str, messages: Sequence[Message], params: Mapping[str, Any], quirks: Quirks, stream: bool
) -> Body:
    """The body for /chat/completions. `params` are OpenAI's names; None values are left out."""
    body = _with_params({"model": model, "messages": fit_messages(messages, quirks)}, params, quirks)
    choice = body.json.get("tool_choice")
    word = "function" if isinstance(choice, Mapping) else choice
    if isinstance(word, str) and word in quirks.tool_choice:
        body.json["tool_choice"] = quirks.tool_choice[word]
    wanted = body.json.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    if kind in STRUCTURED and STRUCTURED.index(kind) < STRUCTURED.index(quirks.structured):
        body.notes.append(f"response_format {kind}: the provider is known to take {quirks.structured} at most")
    return _streamed(body, quirks) if stream else body


def completion_body(model: str, prompt: Any, params: Mapping[str, Any], quirks: Quirks, stream: bool) -> Body:
    """The body for /completions. `prompt` is a string, strings, tokens or lists of tokens."""
    body = _with_params({"model": model, "prompt": prompt}, params, quirks)
    return _streamed(body, quirks) if stream else body


def embedding_body(model: str, inputs: Sequence[Any], params: Mapping[str, Any], quirks: Quirks) -> Body:
    """The body for /embeddings."""
    body = _with_params({"model": model, "input": list(inputs), **quirks.embedding_body}, params, quirks)
    if not quirks.embedding_base64:
        body.json.pop("encoding_format", None)
    return body


def _with_params(start: dict[str, Any], params: Mapping[str, Any], quirks: Quirks) -> Body:
    body = Body(start)
    for name, value in params.items():
        if value is None:
            continue
        if name in quirks.drop:
            body.notes.append(f"{name} left out: the provider does not take it")
            continue
        sent_as = quirks.rename.get(name, name)
        if sent_as == name or params.get(sent_as) is None:
            body.json[sent_as] = value
    return body


def _streamed(body: Body, quirks: Quirks) -> Body:
    body.json["stream"] = True
    if quirks.usage == "ask" and "stream_options" not in quirks.drop:
        given = body.json.get("stream_options")
        body.json["stream_options"] = {"include_usage": True, **(given if isinstance(given, Mapping) else {})}
    return body


def fit_messages(messages: Sequence[Message], quirks: Quirks) -> list[dict[str, Any]]:
    """The messages as the provider takes them: roles, one system message, content as a string."""
    fitted = [_message(message, quirks) for message in messages]
    return _one_system(fitted) if quirks.merge_system else fitted


def _message(message: Message, quirks: Quirks) -> dict[str, Any]:
    fitted = dict(message)
    fitted["role"] = quirks.roles.get(fitted.get("role", ""), fitted.get("role", ""))
    content = fitted.get("content")
    if content is None and "content" in fitted and not quirks.null_content:
        fitted["content"] = ""
    if isinstance(content, list) and quirks.text_content and _only_text(content):
        fitted["content"] = _text_of(message)
    reasoning = fitted.pop("reasoning", None)
    if reasoning and quirks.replay_reasoning:
        fitted[quirks.replay_reasoning] = reasoning
    return fitted


def _only_text(parts: list[Any]) -> bool:
    return all(isinstance(part, Mapping) and isinstance(part.get("text"), str) for part in parts)


def _one_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All system messages joined into one at the start."""
    systems = [m for m in messages if m["role"] == "system" and _text_of(m) is not None]
    if not systems or systems == messages[:1]:
        return messages
    joined = "\n\n".join(_text_of(m) or "" for m in systems)
    return [{"role": "system", "content": joined}, *(m for m in messages if not any(m is s for s in systems))]


def _text_of(message: Message) -> str | None:
    """The content as a string; None where it is more than text."""
    content = message.get("content")
    if isinstance(content, list) and _only_text(content):
        return "\n".join(part["text"] for part in content)
    return content if isinstance(content, str) else None
