"""Answers as `chat.completion` objects and as the chunks of a stream."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from llmctl.demo import tokens
from llmctl.demo.answers import Answer
from llmctl.demo.encoding import identity
from llmctl.demo.messages import attachments, text_of
from llmctl.demo.tools import Call

FINGERPRINT = "fp_llmctl_demo"
_IMAGE_TOKENS = 85
_MESSAGE_TOKENS = 4

Json = dict[str, Any]


def answer_id(prefix: str, body: Json, *more: int) -> str:
    """The id of an answer; streamed or not, the same answer has the same."""
    asked = {name: value for name, value in body.items() if name not in ("stream", "stream_options")}
    return identity(prefix, asked, *more)


def usage(prompt: int, completion: int, reasoning: int = 0) -> Json:
    """A `usage` object with all its details."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def completion(body: Json, choices: list[Answer], created: int) -> Json:
    """The `chat.completion` object."""
    answered = [
        {
            "index": index,
            "message": _message(body, answer, index),
            "logprobs": _logprobs(body, answer, answer.pieces),
            "finish_reason": answer.finish,
        }
        for index, answer in enumerate(choices)
    ]
    return {**_head(body, "chat.completion", created), "choices": answered, "usage": _chat_usage(body, choices)}


def chunks(body: Json, choices: list[Answer], created: int) -> list[Json]:
    """All the `chat.completion.chunk` objects of a stream; several choices take turns."""
    head = _head(body, "chat.completion.chunk", created)
    counted = bool((body.get("stream_options") or {}).get("include_usage"))
    if counted:
        head["usage"] = None
    turns = zip_longest(*(_deltas(body, answer, index) for index, answer in enumerate(choices)))
    made = [{**head, "choices": [choice]} for turn in turns for choice in turn if choice]
    if counted:
        made.append({**head, "choices": [], "usage": _chat_usage(body, choices)})
    return made


def _head(body: Json, kind: str, created: int) -> Json:
    return {
        "id": answer_id("chatcmpl-", body),
        "object": kind,
        "created": created,
        "model": body["model"],
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
    }


def _message(body: Json, answer: Answer, index: int) -> Json:
    message: Json = {
        "role": "assistant",
        "content": None if answer.call else answer.text,
        "refusal": None,
        "annotations": [],
    }
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    if answer.call and answer.call.kind == "legacy":
        message["function_call"] = {"name": answer.call.name, "arguments": answer.call.payload}
    elif answer.call:
        message["tool_calls"] = [_call(body, answer.call, index, answer.call.payload)]
    return message


def _call(body: Json, call: Call, index: int, payload: str) -> Json:
    field = "input" if call.kind == "custom" else "arguments"
    return {
        "id": answer_id("call_", body, index),
        "type": call.kind,
        call.kind: {"name": call.name, field: payload},
    }


def _deltas(body: Json, answer: Answer, index: int) -> Iterator[Json]:
    """The choices of one answer's chunks, from its role to its finish_reason."""

    def choice(delta: Json, logprobs: Json | None = None, finish: str | None = None) -> Json:
        return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}

    content = None if answer.call else ""
    yield choice({"role": "assistant", "content": content, "refusal": None})
    for piece in answer.thoughts:
        yield choice({"reasoning_content": piece})
    if answer.call:
        for delta in _call_deltas(body, answer.call, answer.pieces, index):
            yield choice(delta)
    else:
        for piece in answer.pieces:
            yield choice({"content": piece}, _logprobs(body, answer, [piece]))
    yield choice({}, finish=answer.finish)


def _call_deltas(body: Json, call: Call, pieces: list[str], index: int) -> Iterator[Json]:
    if call.kind == "legacy":
        yield {"function_call": {"name": call.name, "arguments": ""}}
        yield from ({"function_call": {"arguments": piece}} for piece in pieces)
        return
    field = "input" if call.kind == "custom" else "arguments"
    yield {"tool_calls": [{"index": 0, **_call(body, call, index, "")}]}
    for piece in pieces:
        yield {"tool_calls": [{"index": 0, call.kind: {field: piece}}]}


def _logprobs(body: Json, answer: Answer, pieces: list[str]) -> Json | None:
    if not body.get("logprobs") or answer.call:
        return None
    return tokens.chat_logprobs(pieces, body.get("top_logprobs") or 0)


def _chat_usage(body: Json, choices: list[Answer]) -> Json:
    prompt = sum(
        _MESSAGE_TOKENS + tokens.count(text_of(message)) + _IMAGE_TOKENS * sum(attachments(message).values())
        for message in body["messages"]
    )
    thought = sum(len(answer.thoughts) for answer in choices)
    return usage(prompt, thought + sum(len(answer.pieces) for answer in choices), thought)
