"""A whole completion as the stream that it could have been: for clients that asked for one and got none.

OpenAI's order: each choice's role, then its fields, then the ends, then usage.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

MOST_PIECES = 20
"""Into which a content is cut at the most."""

DONE = b"data: [DONE]\n\n"
_SHARED = ("id", "object", "created", "model", "system_fingerprint", "service_tier", "provider")
"""The fields that every chunk repeats. Others stand on the last one but usage."""
_REASONING = ("reasoning_content", "reasoning", "reasoning_details")


def as_chunks(completion: Mapping[str, Any], include_usage: bool = False) -> list[dict[str, Any]]:
    """The chunks of a stream that says the same as a chat.completion or text_completion.

    With `include_usage` the last one has no choices and the completion's usage, the others `usage: null`;
    without it usage is left out. The fields of the completion are shared with it, not copied.
    """
    text = completion.get("object") == "text_completion"
    base = {name: completion[name] for name in _SHARED if name in completion}
    base["object"] = "text_completion" if text else "chat.completion.chunk"
    counted: dict[str, Any] = {"usage": None} if include_usage else {}
    choices = list(_numbered(completion.get("choices")))
    told = [entry for choice in choices for entry in _told(choice)]
    chunks = [{**base, "choices": [entry], **counted} for entry in [*told, *map(_end, choices)]]
    more = {name: value for name, value in completion.items() if name not in (*_SHARED, "choices", "usage")}
    usage = completion.get("usage")
    if include_usage and isinstance(usage, Mapping):
        chunks.append({**base, "choices": [], "usage": usage})
    if chunks and more:
        place = -1 if len(chunks) == 1 or chunks[-1]["choices"] else -2
        chunks[place] = {**more, **chunks[place]}
    return chunks


def as_sse(chunks: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """Each chunk as one server-sent event, and [DONE]."""
    return [b"data: " + _encode(chunk) + b"\n\n" for chunk in chunks] + [DONE]


def _encode(value: Any) -> bytes:
    # A lone surrogate has no UTF-8; its escape is what JSON allows in its place.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def _numbered(choices: Any) -> Iterator[dict[str, Any]]:
    """The choices that are objects, each with an index."""
    for number, choice in enumerate(choices if isinstance(choices, list) else ()):
        if isinstance(choice, Mapping):
            index = choice.get("index")
            yield {**choice, "index": index if isinstance(index, int) else number}


def _told(choice: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A choice's entries in the chunks before its end."""
    index, logprobs = choice["index"], choice.get("logprobs")
    if _is_text(choice):
        for piece in _pieces(choice["text"], logprobs):
            yield {"index": index, "text": piece, "logprobs": logprobs, "finish_reason": None}
        return
    where = _logprobs_field(choice)
    for delta in _deltas(_message(choice), logprobs):
        of_tokens = logprobs if delta.get(where) else None
        yield {"index": index, "delta": delta, "logprobs": of_tokens, "finish_reason": None}


def _end(choice: Mapping[str, Any]) -> dict[str, Any]:
    """A choice's last entry: why it ended, and what else is said of it."""
    message, known = _message(choice), ("index", "text", "message", "delta", "logprobs", "finish_reason")
    calls = message.get("tool_calls") or message.get("function_call")
    reason = choice.get("finish_reason") or ("tool_calls" if calls else "stop")
    told = choice.get("text") if _is_text(choice) else _logprobs_field(choice)
    return {
        "index": choice["index"],
        **({"text": ""} if _is_text(choice) else {"delta": {}}),
        "logprobs": None if told else choice.get("logprobs"),
        "finish_reason": reason,
        **{name: value for name, value in choice.items() if name not in known},
    }


def _deltas(message: Mapping[str, Any], logprobs: Any) -> Iterator[dict[str, Any]]:
    """What a message holds, one field after the other. Fields that nobody knows come with the role."""
    content, refusal, calls = message.get("content"), message.get("refusal"), message.get("tool_calls")
    known = ("role", "content", "refusal", "tool_calls", "function_call", *_REASONING)
    yield {
        "role": message.get("role") or "assistant",
        "content": None if content is None else "",
        "refusal": None,
        **{name: value for name, value in message.items() if name not in known},
    }
    # In one delta: clients that read several of these names take the first, and would show two deltas as two.
    if thoughts := {name: message[name] for name in _REASONING if message.get(name)}:
        if isinstance(thoughts.get("reasoning_details"), list):
            thoughts["reasoning_details"] = _indexed(thoughts["reasoning_details"])
        yield thoughts
    for piece in _pieces(content, logprobs):
        yield {"content": piece}
    if refusal:
        yield {"refusal": refusal}
    for number, call in enumerate(calls if isinstance(calls, list) else ()):
        if isinstance(call, Mapping):
            yield {"tool_calls": [_call(number, call)]}
    if isinstance(message.get("function_call"), Mapping):
        yield {"function_call": _with_text(message["function_call"])}


def _is_text(choice: Mapping[str, Any]) -> bool:
    return "text" in choice and not isinstance(choice.get("message"), Mapping)


def _message(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    message = choice.get("message")
    return message if isinstance(message, Mapping) else {}


def _logprobs_field(choice: Mapping[str, Any]) -> str:
    """The field whose tokens have the log probabilities; "" for none, and they come at the end."""
    message = _message(choice)
    return next((name for name in ("content", "refusal") if message.get(name)), "")


def _pieces(content: Any, logprobs: Any) -> Iterator[Any]:
    """A text cut before spaces; whole where log probabilities belong to it, or where it is no text."""
    if not isinstance(content, str) or logprobs:
        if content:
            yield content
        return
    least, start = -(-len(content) // MOST_PIECES), 0
    while start < len(content):
        end = content.find(" ", start + least)
        end = len(content) if end < 0 else end
        yield content[start:end]
        start = end


def _indexed(details: list[Any]) -> list[Any]:
    """Blocks with an index each: without one, those of a stream are taken for pieces of one block."""
    return [
        {**item, "index": number} if isinstance(item, Mapping) and item.get("index") is None else item
        for number, item in enumerate(details)
    ]


def _call(number: int, call: Mapping[str, Any]) -> dict[str, Any]:
    """A whole call as its only fragment."""
    kind = "custom" if isinstance(call.get("custom"), Mapping) else "function"
    body = call.get(kind)
    if kind == "function":
        body = _with_text(body if isinstance(body, Mapping) else {})
    return {"type": kind, **call, "index": number, kind: body}


def _with_text(function: Mapping[str, Any]) -> dict[str, Any]:
    """The call of a function with its arguments as text, which they must be in a stream."""
    given = function.get("arguments")
    if isinstance(given, str):
        return dict(function)
    return {**function, "arguments": "" if given is None else json.dumps(given, ensure_ascii=False)}
