"""The client's JSON on its way to a provider: what must change is changed, the rest stays as it was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from llmctl.core.quirks import Quirks
from llmctl.core.requests import fit_messages
from llmctl.errors import UsageError

Fields = dict[str, msgspec.Raw]
"""The top-level fields of a JSON object, as they were written."""

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_plain = msgspec.json.Decoder().decode
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
        raise UsageError(
            f"the body is not JSON: {error}" if body else "the body is empty; JSON is expected"
        ) from error


def value_of(fields: Fields, name: str) -> Any:
    """The decoded value; None where it is missing. Raises UsageError where it is no JSON after all."""
    raw = fields.get(name)
    if raw is None:
        return None
    try:
        return _plain(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{name} is not JSON: {error}") from error


def is_true(fields: Fields, name: str) -> bool:
    raw = fields.get(name)
    return raw is not None and bytes(raw) == b"true"


def wants_usage(fields: Fields) -> bool:
    """Whether the client asked for usage in its stream."""
    if "stream_options" not in fields:
        return False
    options = value_of(fields, "stream_options")
    return isinstance(options, Mapping) and options.get("include_usage") is True


def fitted(fields: Fields, model: str, quirks: Quirks, ask_usage: bool) -> bytes:
    """The body for a provider: its own name of the model, usage asked for, its quirks applied."""
    sent = dict(fields)
    sent["model"] = msgspec.Raw(_encode(model))
    if ask_usage and quirks.usage == "ask" and "stream_options" not in quirks.drop:
        sent["stream_options"] = _with_usage(fields)
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
    return _encode(sent)


def _with_usage(fields: Fields) -> msgspec.Raw:
    options = value_of(fields, "stream_options")
    if not isinstance(options, dict):
        return _USAGE
    return msgspec.Raw(_encode({**options, "include_usage": True}))


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
    return msgspec.Raw(_encode(fit_messages(messages, quirks)))


def _has_role(message: Any) -> bool:
    return isinstance(message, dict) and isinstance(message.get("role"), str)
