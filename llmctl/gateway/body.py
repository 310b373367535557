"""The client's JSON on its way to a provider: what must change is changed, the rest stays as it was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from llmctl.core.quirks import Quirks
from llmctl.core.requests import fit_messages
from llmctl.errors import NotUnderstood, UsageError
from llmctl.gateway.jsontext import cut_fields, dumps, loads

Fields = dict[str, msgspec.Raw]
"""The top-level fields of a JSON object, as they were written."""

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_USAGE = msgspec.Raw(b'{"include_usage":true}')
_BOM = b"\xef\xbb\xbf"


def read_fields(body: bytes) -> Fields:
    """The fields of the body. Raises UsageError for what is no JSON object."""
    try:
        return _decode(body.removeprefix(_BOM))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if isinstance(error, RecursionError):
            raise UsageError("the body is nested too deeply") from error
        if isinstance(error, msgspec.ValidationError):
            raise UsageError("the body must be a JSON object") from error
        if fields := _with_halves(body):
            return fields
        raise UsageError(
            f"the body is not JSON: {error}" if body else "the body is empty; JSON is expected"
        ) from error


def _with_halves(body: bytes) -> Fields:
    """The fields of a body in which pairs of surrogates were cut in two; none where something else is wrong.

    Agents cut texts in the middle of an emoji. It is JSON all the same, and goes on as it is.
    """
    try:
        found = cut_fields(body.removeprefix(_BOM))
    except (ValueError, RecursionError):
        return {}
    fields = {name: msgspec.Raw(raw) for name, raw in found.items()}
    if not _is_text(value_of(fields, "model")):
        raise UsageError("model holds half a character")
    return fields


def _is_text(value: Any) -> bool:
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True


def value_of(fields: Fields, name: str) -> Any:
    """The decoded value; None where it is missing. Raises UsageError where it is no JSON after all."""
    raw = fields.get(name)
    if raw is None:
        return None
    try:
        return loads(raw)
    except NotUnderstood as error:
        raise UsageError(f"{name} is not JSON") from error


def is_true(fields: Fields, name: str) -> bool:
    raw = fields.get(name)
    return raw is not None and bytes(raw) == b"true"


def wants_usage(fields: Fields) -> bool:
    """Whether the client asked for usage in its stream."""
    if "stream_options" not in fields:
        return False
    options = value_of(fields, "stream_options")
    return isinstance(options, Mapping) and options.get("include_usage") is True


def fitted(fields: Fields, model: str, quirks: Quirks, door: str, ask_usage: bool) -> bytes:
    """The body for a provider: its own name of the model, usage asked for, and of its quirks the door's own."""
    sent = dict(fields)
    sent["model"] = msgspec.Raw(_encode(model))
    if ask_usage and quirks.usage == "ask" and "stream_options" not in quirks.drop:
        sent["stream_options"] = _with_usage(fields)
    if door == "chat":
        _fit_chat(sent, fields, quirks)
    elif door == "embeddings":
        _fit_embeddings(sent, quirks)
    return _encode(sent)


def _fit_chat(sent: Fields, fields: Fields, quirks: Quirks) -> None:
    for name in quirks.drop:
        sent.pop(name, None)
    for name, other in quirks.rename.items():
        if name in sent:
            raw = sent.pop(name)
            sent.setdefault(other, raw)
    if quirks.tool_choice and "tool_choice" in sent:
        sent["tool_choice"] = _tool_choice(fields, quirks)
    if "messages" in sent and _touches_messages(quirks):
        sent["messages"] = _messages(fields, quirks)


def _fit_embeddings(sent: Fields, quirks: Quirks) -> None:
    if not quirks.embedding_base64:
        sent.pop("encoding_format", None)
    for name, value in quirks.embedding_body.items():
        if name not in sent:
            sent[name] = msgspec.Raw(_encode(value))


def _with_usage(fields: Fields) -> msgspec.Raw:
    options = value_of(fields, "stream_options")
    if not isinstance(options, dict):
        return _USAGE
    return msgspec.Raw(dumps({**options, "include_usage": True}))


def _tool_choice(fields: Fields, quirks: Quirks) -> msgspec.Raw:
    choice = value_of(fields, "tool_choice")
    word = "function" if isinstance(choice, Mapping) else choice
    if isinstance(word, str) and word in quirks.tool_choice:
        return msgspec.Raw(_encode(quirks.tool_choice[word]))
    return fields["tool_choice"]


def _touches_messages(quirks: Quirks) -> bool:
    return bool(quirks.roles or quirks.merge_system or quirks.text_content or not quirks.null_content)


def _messages(fields: Fields, quirks: Quirks) -> msgspec.Raw:
    messages = value_of(fields, "messages")
    if not isinstance(messages, list) or not all(_has_role(message) for message in messages):
        return fields["messages"]  # the provider says what is wrong with them
    return msgspec.Raw(dumps(fit_messages(messages, quirks)))


def _has_role(message: Any) -> bool:
    return isinstance(message, dict) and isinstance(message.get("role"), str)
