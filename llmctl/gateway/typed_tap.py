"""Streams whose events have names: the Responses API's (PROTOCOL 3.4) and Anthropic's Messages (2.5).

They pass as they are. Only the few events that tell the model, usage, the end or an error are decoded.
"""

from __future__ import annotations

from typing import Any

import msgspec

from llmctl.core.faults import error_in_body
from llmctl.errors import ProviderFault
from llmctl.gateway.events import EventTap, fields_of
from llmctl.gateway.jsontext import loads


class TypedTap(EventTap):
    """One stream of a dialect, which says what its events mean."""

    def _event(self, event: bytes) -> bytes:
        name, payload = fields_of(event)
        if not payload:
            return event if self.begun and event.startswith(b":") else b""
        if not name and payload != b"[DONE]":
            found = loads(payload)
            kind = found.get("type") if isinstance(found, dict) else None
            name = kind if isinstance(kind, str) else ""
        if name == "ping":
            return event if self.begun else b""
        if name in ("error", ""):
            self._end_or_error(payload, name)
            return event
        self._see(name, payload)
        return event

    def _end_or_error(self, payload: bytes, name: str) -> None:
        if payload == b"[DONE]":
            self.done = True
            return
        failure = error_in_body(loads(payload), name)
        if failure is not None:
            raise failure

    def _see(self, name: str, payload: bytes) -> None:
        """Note what an event tells. Raises a failure that the client has not been told of."""
        raise NotImplementedError


class _Response(msgspec.Struct):
    model: str | None = None
    usage: Any = None
    status: str | None = None
    error: Any = None


class _ResponseEvent(msgspec.Struct):
    response: _Response = msgspec.field(default_factory=_Response)


_BEFORE_TOKENS = frozenset(
    [
        "response.created",
        "response.queued",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.reasoning_summary_part.added",
    ]
)
_ENDS = frozenset(["response.completed", "response.incomplete", "response.failed", "response.cancelled"])


class ResponsesTap(TypedTap):
    """A response of the Responses API. It is complete with its last event; [DONE] may follow."""

    @property
    def complete(self) -> bool:
        return bool(self.reasons)

    def _see(self, name: str, payload: bytes) -> None:
        if name in _ENDS:
            response = _decode_event(payload).response
            if name == "response.failed":
                self._failed(payload, response)
            self.model, self.usage = response.model or self.model, response.usage
            self.reasons[0] = name.removeprefix("response.")
            self.over = True
        elif name == "response.created":
            self.model = _decode_event(payload).response.model or ""
        self.begun = self.begun or name not in _BEFORE_TOKENS

    def _failed(self, payload: bytes, response: _Response) -> None:
        """Before the first token another target may do better; later the event itself tells the client."""
        failure = error_in_body({"error": response.error}) or ProviderFault("the provider says that it failed")
        if not self.begun:
            raise failure
        self.told = failure


def _decode_event(payload: bytes) -> _ResponseEvent:
    try:
        return msgspec.json.decode(payload, type=_ResponseEvent)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _ResponseEvent()  # of an unusual shape, but with the name that counts


class MessagesTap(TypedTap):
    """A message of Anthropic's. It is complete with its stop reason."""

    closing = b'event: message_stop\ndata: {"type": "message_stop"}\n\n'

    @property
    def complete(self) -> bool:
        return bool(self.reasons)

    def _see(self, name: str, payload: bytes) -> None:
        if name == "message_start":
            message = _table(loads(payload), "message")
            self.model = str(message.get("model") or "")
            self.usage = _table(message, "usage") or None
        elif name == "message_delta":
            self._delta(loads(payload))
        elif name == "message_stop":
            self.done = True
            self.reasons.setdefault(0, "stop")
        self.begun = self.begun or name not in ("message_start", "content_block_start")

    def _delta(self, event: Any) -> None:
        usage = {name: value for name, value in _table(event, "usage").items() if value is not None}
        if usage:
            self.usage = {**(self.usage or {}), **usage}  # its counts are those of the whole message
        reason = _table(event, "delta").get("stop_reason")
        if isinstance(reason, str) and reason:
            self.reasons[0] = reason


def _table(found: Any, name: str) -> dict[str, Any]:
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, dict) else {}
