"""What a target gave: a stream that has begun, or a whole answer. And how each is read from its reply."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import msgspec

from llmctl.client.deadline import Deadline
from llmctl.client.transport import MAX_BODY
from llmctl.client.wire import Headers
from llmctl.core.faults import error_from_reply, error_in_body, read_fault
from llmctl.core.rechunk import as_chunks, as_sse
from llmctl.errors import LlmctlError, NotUnderstood, ProviderFault, StreamBroken, TimedOut
from llmctl.gateway.entry import Attempt
from llmctl.gateway.events import EventTap
from llmctl.gateway.headers import find
from llmctl.gateway.inflate import Inflated, is_plain
from llmctl.gateway.job import TYPED_DOORS, Job
from llmctl.gateway.jsontext import dumps, loads
from llmctl.gateway.mend import mend_whole
from llmctl.gateway.plan import Candidate
from llmctl.gateway.tap import Tap
from llmctl.gateway.typed_tap import MessagesTap, ResponsesTap
from llmctl.gateway.upstream import Reply

_MAX_ERROR = 1024 * 1024
_ERROR_SECONDS = 2.0
"""For the body of an error, whose status is there already."""

_EVENTS = (b"data:", b"event:", b"id:", b"retry:", b":")
"""How a stream begins, whatever it is called."""

_MOST_BEFORE_TOKEN = 8 * 1024 * 1024
"""Bytes of events that are held because no token has come."""


@dataclass(slots=True)
class Answer:
    """An answer that may be given to the client. A stream has a `tap`, and its `first` events are at hand."""

    candidate: Candidate
    attempt: Attempt
    reply: Reply
    deadline: Deadline
    started: float
    """By time.perf_counter()."""
    body: bytes = b""
    tap: EventTap | None = None
    first: list[bytes] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    """Finish reasons of a whole answer."""
    usage: Any = None
    """The provider's usage object."""
    model: str = ""
    held: bool = True
    """The whole body is in `body`; else it is still to be read from `reply`."""


_NO_DATA = msgspec.Raw(b"")


class _WholeChoice(msgspec.Struct):
    finish_reason: str | None = None
    message: dict[str, msgspec.Raw] | None = None


class _Whole(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    choices: list[_WholeChoice] | None = None
    data: msgspec.Raw = _NO_DATA
    usage: Any = None
    error: Any = None


_decode = msgspec.json.Decoder(_Whole).decode


async def read_all(reply: Reply, most: int = MAX_BODY, first: bytes = b"") -> bytes:
    """The whole body, decompressed, of which `first` is read already.

    Raises NotUnderstood above `most` bytes, StreamBroken, TimedOut.
    """
    if not is_plain(reply.headers):
        reply = Inflated(reply)
    data = first or await reply.read()
    parts, size = [data], len(data)
    while not reply.ended or data:
        data = await reply.read()
        parts.append(data)
        size += len(data)
        if size > most:
            await reply.close()
            raise NotUnderstood(f"the reply is larger than {most} bytes")
    return b"".join(parts) if len(parts) > 1 else parts[0]


async def failure(reply: Reply) -> LlmctlError:
    """The error of a reply whose status is not 2xx, with its headers and body."""
    try:
        async with asyncio.timeout(_ERROR_SECONDS):
            body = await read_all(reply, _MAX_ERROR)
    except (StreamBroken, NotUnderstood, TimedOut, TimeoutError):
        body = b""  # the status says enough
    if reply.status < 400:
        error: LlmctlError = ProviderFault(
            f"the provider answered {reply.status}, which sends programs elsewhere",
            hint="is its base_url right? keys are never sent along a redirect",
        )
        error.status = reply.status
        return error
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reply.headers}
    error = error_from_reply(reply.status, headers, body)
    error.reply = (headers, body)
    return error


async def whole(answer: Answer, door: str, mends: bool, first: bytes = b"") -> None:
    """Read a whole JSON answer. Raises the error inside a 200, and NotUnderstood for what is no answer."""
    body = await read_all(answer.reply, first=first)
    if door in TYPED_DOORS:
        _typed(answer, body)
        return
    try:
        found = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = _odd(body)
    if found.error or (found.choices is None and found.data is _NO_DATA):
        _raise_error(body)
        if found.choices is None and found.data is _NO_DATA:
            raise NotUnderstood("the provider sent JSON that is no answer")
    choices = found.choices or []
    answer.reasons = [choice.finish_reason or "" for choice in choices]
    answer.model = found.model or ""
    answer.usage = found.usage
    answer.body = body
    if mends and door == "chat" and (not found.id or any(_calls(choice) for choice in choices)):
        mended = loads(body)
        if mend_whole(mended):
            answer.body = dumps(mended)
            answer.reasons = [choice.get("finish_reason") or "" for choice in mended.get("choices") or ()]


def _typed(answer: Answer, body: bytes) -> None:
    """An answer that passes as it is."""
    try:
        found = loads(body)
    except NotUnderstood as error:
        raise NotUnderstood(_no_json(body)) from error
    if not isinstance(found, dict):
        raise NotUnderstood("the provider sent JSON that is no answer")
    model, usage = found.get("model"), found.get("usage")
    if "id" not in found and usage is None:
        _raise_error(body)
    answer.body, answer.model, answer.usage = body, model if isinstance(model, str) else "", usage


def _calls(choice: _WholeChoice) -> bool:
    calls = choice.message.get("tool_calls") if choice.message else None
    return calls is not None and bytes(calls) not in (b"null", b"[]")


def _odd(body: bytes) -> _Whole:
    """An answer in which a field has an unusual type. Raises for what is no JSON object."""
    _raise_error(body)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood(_no_json(body)) from error
    if not isinstance(found, dict) or not ("choices" in found or "data" in found):
        raise NotUnderstood("the provider sent JSON that is no answer")
    return _Whole(id="odd", choices=[], usage=found.get("usage"))


def _no_json(body: bytes) -> str:
    """What an answer is that is no JSON, without repeating it."""
    start = body.lstrip()[:1]
    if start in (b"{", b"["):
        return "the provider's JSON is damaged, or ends in the middle"
    said = read_fault(body).message if start == b"<" else ""
    return (
        f"the provider answered with {said or 'what is not JSON'}" if start else "the provider's answer is empty"
    )


def _raise_error(body: bytes) -> None:
    try:
        error = error_in_body(json.loads(body))
    except (ValueError, RecursionError):
        return
    if error is not None:
        error.reply = ({}, body)
        error.status = error.status or error.http_status
        raise error


def is_event_stream(reply: Reply) -> bool:
    return (find(reply.headers, b"content-type") or b"").lower().startswith(b"text/event-stream")


async def begin(answer: Answer, job: Job, mends: bool) -> None:
    """Read a stream up to its first token. Raises whatever went wrong before it."""
    kind = (find(answer.reply.headers, b"content-type") or b"").lower()
    if not is_plain(answer.reply.headers):
        answer.reply = Inflated(answer.reply)
    data = await _first(answer.reply)
    is_json = kind.startswith((b"application/json", b"text/html")) and not data.startswith(_EVENTS)
    if is_json or data[:1] in (b"{", b"[", b"<"):
        await _begin_whole(answer, job, mends, data)
        return
    tap = answer.tap = _tap(job, mends)
    await _until_token(answer, tap, data)
    answer.deadline.token()


async def _first(reply: Reply) -> bytes:
    """The first bytes that are no white space. Raises StreamBroken and NotUnderstood where there are none."""
    size = 0
    while size <= _MOST_BEFORE_TOKEN:
        read = await reply.read()
        if data := read.lstrip():
            return data
        if not read and reply.ended:
            raise StreamBroken("the connection closed before any answer came")
        size += len(read)
    raise NotUnderstood(f"the provider sent {size} bytes of white space")


def _tap(job: Job, mends: bool) -> EventTap:
    if job.door == "responses":
        return ResponsesTap()
    return MessagesTap() if job.door == "messages" else Tap(job.keeps_usage, mends, job.choices)


async def _until_token(answer: Answer, tap: EventTap, data: bytes) -> None:
    reply, size = answer.reply, 0
    while True:
        if data:
            events = tap.feed(data)
            answer.first += events
            size += sum(map(len, events))
            if tap.failure is not None:
                raise tap.failure
            if size > _MOST_BEFORE_TOKEN and not tap.begun:
                raise NotUnderstood(f"the provider sent {size} bytes of events without any content")
        elif reply.ended:
            answer.first += tap.finish()
            if not tap.begun and not tap.done:
                raise StreamBroken("the connection closed before any answer came")
        if tap.begun:
            return
        if tap.done:
            raise NotUnderstood("the provider sent an answer without any content")
        data = await reply.read()


async def _begin_whole(answer: Answer, job: Job, mends: bool, first: bytes) -> None:
    """A provider that answers at once although a stream was asked for: a chat's answer becomes one."""
    await whole(answer, job.door, mends, first)
    if not job.stream or job.door in TYPED_DOORS:
        return
    tap = answer.tap = Tap(job.keeps_usage, mends)
    events = as_sse(as_chunks(loads(answer.body), include_usage=True))
    answer.first = tap.feed(b"".join(events))
    if not tap.begun:
        raise NotUnderstood("the provider sent an answer without any content")


def content_headers(headers: Headers, kind: bytes) -> Headers:
    """The headers of an answer whose body is ours to frame."""
    kept = [pair for pair in headers if pair[0] not in (b"content-type", b"content-encoding", b"content-length")]
    return [*kept, (b"content-type", kind)]
