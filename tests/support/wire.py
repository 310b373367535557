"""Builders for what a compatible provider says: completions, stream chunks, embeddings, models, errors."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

CHAT_ID = "chatcmpl-test"
CREATED = 1_790_000_000
MODEL = "test-model"


def usage(prompt: int = 5, completion: int = 2, **more: Any) -> Json:
    """A usage object; extra fields (details, costs) as keywords."""
    total = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return {**total, **more}


def completion(
    text: str | None = "",
    finish: str | None = "stop",
    usage: Json | None = None,
    model: str = MODEL,
    **message: Any,
) -> Json:
    """A chat.completion; more keywords go into its message (tool_calls, reasoning_content, ...)."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "refusal": None, **message},
        "logprobs": None,
        "finish_reason": finish,
    }
    body = {
        "id": CHAT_ID,
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [choice],
    }
    return body if usage is None else {**body, "usage": usage}


def chunk(
    content: str | None = None, finish: str | None = None, index: int = 0, model: str = MODEL, **delta: Any
) -> Json:
    """A chat.completion.chunk with one choice; further keywords go into its delta."""
    if content is not None:
        delta = {"content": content, **delta}
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {**_chunk_base(model), "choices": [choice]}


def usage_chunk(usage: Json, model: str = MODEL) -> Json:
    """The last chunk with stream_options.include_usage: no choices, only usage."""
    return {**_chunk_base(model), "choices": [], "usage": usage}


def text_stream(
    *pieces: str,
    finish: str | None = "stop",
    usage: Json | None = None,
    model: str = MODEL,
) -> list[Json]:
    """All chunks of a streamed text, in OpenAI's order: role, pieces, finish, usage."""
    chunks = [chunk("", role="assistant", model=model), *(chunk(piece, model=model) for piece in pieces)]
    if finish is not None:
        chunks.append(chunk(finish=finish, model=model))
    if usage is not None:
        chunks.append(usage_chunk(usage, model))
    return chunks


def tool_call(name: str, arguments: str = "{}", id: str = "call_1", index: int | None = None) -> Json:
    """A tool call of a message, or with `index` a fragment of one in a stream."""
    call = {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
    return call if index is None else {"index": index, **call}


def models(*ids: str) -> Json:
    """The answer of GET /models."""
    data = [{"id": id, "object": "model", "created": CREATED, "owned_by": "test"} for id in ids]
    return {"object": "list", "data": data}


def embeddings(*vectors: list[float] | str, model: str = MODEL, prompt: int = 3) -> Json:
    """The answer of POST /embeddings; a str is a base64 vector."""
    data = [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)]
    total = {"prompt_tokens": prompt, "total_tokens": prompt}
    return {"object": "list", "data": data, "model": model, "usage": total}


def error_body(
    message: str, type: str = "invalid_request_error", code: str | int | None = None, param: str | None = None
) -> Json:
    """OpenAI's error envelope."""
    return {"error": {"message": message, "type": type, "param": param, "code": code}}


def _chunk_base(model: str) -> Json:
    return {"id": CHAT_ID, "object": "chat.completion.chunk", "created": CREATED, "model": model}
