"""Chat and text completions, from a provider's JSON to events.

One decoder serves whole answers and streams: a message is a delta that brings everything at once.
Whatever the JSON holds, only our own errors are raised.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from llmctl.core.echo import EchoCollector
from llmctl.core.events import Done, Echo, Event, Finish, Logprobs, Reasoning, Refusal, Text, Usage
from llmctl.core.faults import error_in_body
from llmctl.core.quirks import Quirks
from llmctl.core.think import ThinkSplitter
from llmctl.core.toolcalls import ToolCallAssembler
from llmctl.core.usage import read_usage
from llmctl.errors import NotUnderstood, Overloaded, StreamBroken

FINISH = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "complete": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "refusal": "content_filter",
}
"""Finish reasons seen in the wild -> OpenAI's. Others are passed on as they are."""

BROKEN_OFF = {"error", "aborted", "insufficient_system_resource"}


class ChatDecoder:
    """Turns payloads into events. `feed` each JSON text, then `finish`."""

    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks
        self._choices: dict[int, _Choice] = {}
        self._usage: Usage | None = None
        self.done = False
        self.model: str | None = None
        self.id: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every choice has said why it ended."""
        return bool(self._choices) and all(choice.reason for choice in self._choices.values())

    def feed(self, data: bytes | str, event: str = "") -> list[Event]:
        """Decode one payload. Raises the provider's in-band error, or NotUnderstood for what is no JSON."""
        if self.done:
            return []
        text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
        text = text.lstrip("\ufeff").strip()
        if text == "[DONE]":
            self.done = True
            return []
        if not text:
            return []
        payload = parse_json(text)
        error = error_in_body(payload, event)
        if error is not None:
            raise error
        if not isinstance(payload, Mapping):
            raise NotUnderstood(f"the provider sent {_kind(payload)} where an answer was expected")
        return list(self._payload(payload))

    def finish(self, whole: bool = False) -> list[Event]:
        """The events at the end. Raises StreamBroken when the end is missing.

        `whole` says that the answer came in one piece, whose end can't be missing.
        """
        ended = self.done or whole
        if not self._choices:
            if ended or self._usage:
                raise NotUnderstood("the provider sent an answer without any content")
            raise StreamBroken("the connection closed before any answer came")
        if not ended and not self.complete:
            raise StreamBroken("the stream broke off before the answer was complete")
        events: list[Event] = []
        for choice in self._choices.values():
            events += choice.finish()
        if self._usage:
            events.append(self._usage)
        first = self._choices[min(self._choices)]
        events.append(Done(first.reason, self.model, self.id))
        return events

    def _payload(self, payload: Mapping[str, Any]) -> Iterator[Event]:
        if self.model is None and isinstance(payload.get("model"), str):
            self.model = payload["model"] or None
        if self.id is None and isinstance(payload.get("id"), str):
            self.id = payload["id"] or None
        self._take_usage(payload)
        choices = payload.get("choices")
        for raw in choices if isinstance(choices, list) else ():
            if isinstance(raw, Mapping):
                index = raw.get("index")
                number = index if isinstance(index, int) and not isinstance(index, bool) else 0
                if number not in self._choices:
                    self._choices[number] = _Choice(number, self._quirks)
                yield from self._choices[number].feed(raw)

    def _take_usage(self, payload: Mapping[str, Any]) -> None:
        """The last one counts: some send a running total with every chunk."""
        raw = payload.get("usage")
        groq = payload.get("x_groq")
        if raw is None and isinstance(groq, Mapping):
            raw = groq.get("usage")
        self._usage = read_usage(raw, self._quirks) or self._usage


class _Choice:
    """The state of one choice."""

    def __init__(self, index: int, quirks: Quirks) -> None:
        self.index = index
        self.reason = ""
        self._splitter = ThinkSplitter(quirks.reasoning_tags)
        self._calls = ToolCallAssembler(index)
        self._echo = EchoCollector()

    def feed(self, raw: Mapping[str, Any]) -> Iterator[Event]:
        delta = raw.get("delta")
        whole = not isinstance(delta, Mapping)
        if whole:
            delta = raw.get("message")
        if not isinstance(delta, Mapping):
            delta = {"content": raw.get("text")}
        self._echo.feed(delta, whole)
        reasoning = reasoning_text(delta)
        if reasoning:
            yield Reasoning(reasoning, self.index)
        yield from self._content(delta.get("content"))
        refusal = delta.get("refusal")
        if isinstance(refusal, str) and refusal:
            yield Refusal(refusal, self.index)
        yield from self._calls.feed(delta.get("tool_calls"))
        yield from self._calls.feed_function(delta.get("function_call"))
        yield from self._logprobs(raw.get("logprobs"))
        reason = raw.get("finish_reason")
        if isinstance(reason, str) and reason:
            self.reason = FINISH.get(reason.lower(), reason)
            if reason.lower() in BROKEN_OFF:
                raise Overloaded(f"the provider broke the answer off (finish_reason {reason!r})")

    def finish(self) -> Iterator[Event]:
        yield from self._split(self._splitter.flush())
        yield from self._calls.calls()
        if fields := self._echo.fields():
            yield Echo(fields, self.index)
        if self._calls and self.reason in ("", "stop"):
            self.reason = "tool_calls"  # Gemini and others say "stop" with tool calls
        self.reason = self.reason or "stop"
        yield Finish(self.reason, self.index)

    def _content(self, content: Any) -> Iterator[Event]:
        if isinstance(content, str) and content:
            yield from self._split(self._splitter.feed(content))
        elif isinstance(content, list):
            for part in content:
                yield from self._part(part)

    def _part(self, part: Any) -> Iterator[Event]:
        """Mistral's content parts: {type: thinking, thinking: [{text}]} and {type: text, text}."""
        if isinstance(part, str):
            part = {"text": part}
        if not isinstance(part, Mapping):
            return
        if part.get("type") == "thinking":
            thoughts = part.get("thinking")
            for thought in thoughts if isinstance(thoughts, list) else [{"text": thoughts}]:
                text = thought.get("text") if isinstance(thought, Mapping) else thought
                if isinstance(text, str) and text:
                    yield Reasoning(text, self.index)
        elif isinstance(part.get("text"), str) and part["text"]:
            yield Text(part["text"], self.index)

    def _split(self, pair: tuple[str, str]) -> Iterator[Event]:
        reasoning, text = pair
        if reasoning:
            yield Reasoning(reasoning, self.index)
        if text:
            yield Text(text, self.index)

    def _logprobs(self, logprobs: Any) -> Iterator[Event]:
        content = logprobs.get("content") if isinstance(logprobs, Mapping) else None
        if isinstance(content, list) and content:
            yield Logprobs(content, self.index)


def reasoning_text(delta: Mapping[str, Any]) -> str:
    """reasoning_content or reasoning, whichever holds text (never both), else reasoning_details."""
    for name in ("reasoning_content", "reasoning"):
        value = delta.get(name)
        if isinstance(value, str) and value:
            return value
    details = delta.get("reasoning_details")
    texts = [
        item.get("text") or item.get("summary") or ""
        for item in (details if isinstance(details, list) else ())
        if isinstance(item, Mapping)
    ]
    return "".join(text for text in texts if isinstance(text, str))


def parse_json(text: str | bytes) -> Any:
    """json.loads that raises NotUnderstood."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        sample = text[:80] if isinstance(text, str) else text[:80].decode("utf-8", "replace")
        raise NotUnderstood(f"the provider's answer is not JSON: {sample!r}") from error


def _kind(value: Any) -> str:
    names = {list: "a JSON list", str: "a JSON string", bool: "a JSON boolean", type(None): "null"}
    return names.get(type(value), "a JSON number")
