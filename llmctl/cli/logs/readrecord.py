"""What can be read of a conversation in JSON: our own records, and lists of messages as OpenAI has them."""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from llmctl.cli.logs.fields import Fields
from llmctl.cli.logs.record import FORMAT, REQUEST_FIELDS, VERSION, Record, content_id
from llmctl.core.media import Attachment
from llmctl.errors import UsageError
from llmctl.store.conversations import auto_title
from llmctl.store.ledger import Request
from llmctl.store.messages import BROKEN, COMPLETE, PARTIAL, STOPPED, Message, from_wire

_ID = re.compile(r"[0-9a-f]{16}")
_STATES = (COMPLETE, PARTIAL, STOPPED, BROKEN)
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_TEXTS = ("caller", "profile", "provider", "base_url", "model", "answered_by", "status", "cost_by", "request_id")
_NUMBERS = ("cost", "first_token_ms", "total_ms")


def read_record(value: Any, where: str) -> Record:
    """A conversation: a record of ours, {"messages": […]}, or a list of messages. Raises UsageError."""
    if isinstance(value, list):
        return _wire_record({"messages": value}, where)
    fields = Fields(value, where)
    if fields.value.get("format") == FORMAT:
        return _own_record(fields)
    if "messages" in fields.value:
        return _wire_record(fields.value, where)
    raise UsageError(
        f"{where} is no conversation", hint="it must have messages, as llmctl logs export writes them"
    )


def _own_record(fields: Fields) -> Record:
    version = fields.whole("version")
    if version > VERSION:
        raise UsageError(f"{fields.where} was written by a newer llmctl", hint="update llmctl")
    if version != VERSION:
        raise UsageError(f"{fields.where}: version must be {VERSION}")
    if not _ID.fullmatch(fields.text("id")):
        raise UsageError(f"{fields.where}: id must be 16 hexadecimal digits")
    settings = {
        **{name: fields.text(name) for name in ("title", "profile", "model", "system")},
        **{name: fields.flag(name) for name in ("titled", "pinned")},
        **{name: fields.number(name) for name in ("created", "updated")},
        "params": _params(fields),
    }
    messages = [_message(message, at) for at, message in fields.items("messages", "message")]
    requests = [_request(request, len(messages)) for _, request in fields.items("requests", "request")]
    head = _number(fields, "head", len(messages))
    return Record(fields.text("id"), settings, head, messages, requests)


def _message(fields: Fields, at: int) -> tuple[Message, list[Attachment]]:
    if fields.whole("id") != at:
        raise UsageError(f"{fields.where}: id must be {at}: messages are numbered in order")
    message = Message(
        fields.one_of("role", _ROLES),
        fields.text("text"),
        _without_empty_calls(_extra(fields).value),
        fields.one_of("state", _STATES),
        fields.text("profile"),
        fields.text("model"),
        fields.number("created"),
        id=at,
        parent=_number(fields, "parent", at - 1),
    )
    return message, [_file(file) for _, file in fields.items("files", "file")]


def _extra(fields: Fields) -> Fields:
    extra = Fields(fields.table("extra"), f"{fields.where}, extra")
    _check_calls(extra)
    return extra


def _check_calls(fields: Fields) -> None:
    """Raises UsageError for calls of tools that could not be sent again. One that is null is none."""
    if fields.value.get("tool_call_id") is not None:
        fields.text("tool_call_id")
    if fields.value.get("tool_calls") is None:
        return
    for _, call in fields.items("tool_calls", "tool call"):
        call.text("id")
        call.table("function")


def _without_empty_calls(value: Mapping[str, Any]) -> dict[str, Any]:
    calls = ("tool_calls", "tool_call_id")
    return {name: each for name, each in value.items() if name not in calls or each is not None}


def _params(fields: Fields) -> dict[str, Any]:
    from llmctl.cli.chat.question import check_reserved

    params = fields.table("params")
    for name in params:
        try:
            check_reserved({name: None})
        except UsageError as error:
            raise UsageError(f"{fields.where}: params must not hold {name}") from error
    return params


def _number(fields: Fields, name: str, last: int) -> int | None:
    """The number of a message that stands before, or None."""
    number = fields.whole_or_none(name)
    if number is not None and not 1 <= number <= last:
        raise UsageError(f"{fields.where}: {name} is {number}, and there is no such message before")
    return number


def _file(fields: Fields) -> Attachment:
    try:
        data = base64.b64decode(fields.text("data"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError(f"{fields.where}: data is not base64") from error
    return Attachment(fields.text("name"), fields.text("mime"), data)


def _request(fields: Fields, messages: int) -> Request:
    values: dict[str, Any] = {name: fields.text(name) for name in _TEXTS}
    values |= {name: fields.number_or_none(name) for name in _NUMBERS}
    values |= {"time": fields.number("time"), "attempts": fields.whole("attempts")}
    values |= {name: fields.whole_or_none(name) for name in REQUEST_FIELDS if name not in (*values, "message")}
    return Request(**values, message=_number(fields, "message", messages))


def _wire_record(value: Mapping[str, Any], where: str) -> Record:
    """Messages as OpenAI has them; profile, model and params as `/save` writes them beside."""
    fields = Fields({"profile": "", "model": "", **{k: v for k, v in value.items() if v is not None}}, where)
    read = [_from_wire(message) for _, message in fields.items("messages", "message")]
    if not read:
        raise UsageError(f"{where} has no messages")
    first = next((at for at, message in enumerate(read) if message.role not in ("system", "developer")), len(read))
    now = time.time()
    profile, model = fields.text("profile"), fields.text("model")
    kept = [
        _answered(replace(message, id=at, parent=at - 1 or None, created=now), profile, model)
        for at, message in enumerate(read[first:], 1)
    ]
    settings = {
        "title": _title(kept),
        "profile": profile,
        "model": model,
        "system": "\n\n".join(message.text for message in read[:first]),
        "params": _params(fields),
        "created": now,
        "updated": now,
    }
    number = content_id([profile, model, value["messages"]])
    return Record(number, settings, len(kept) or None, [(message, ()) for message in kept], derived=True)


def _answered(message: Message, profile: str, model: str) -> Message:
    return replace(message, profile=profile, model=model) if message.role == "assistant" else message


def _from_wire(fields: Fields) -> Message:
    fields.one_of("role", _ROLES)
    content = fields.value.get("content")
    if isinstance(content, list):
        for _, part in fields.items("content", "part"):
            if part.text("type") == "text":
                part.text("text")
    elif content is not None:
        fields.text("content")
    _check_calls(fields)
    return from_wire(_without_empty_calls(fields.value))


def _title(messages: Sequence[Message]) -> str:
    return next(
        (title for message in messages if message.role == "user" and (title := auto_title(message.text))), ""
    )
