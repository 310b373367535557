"""Errors in OpenAI's envelope, with all four keys, or in Anthropic's: our own, and providers'."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llmctl.client.wire import Headers
from llmctl.core.faults import read_fault
from llmctl.errors import LlmctlError
from llmctl.gateway.entry import Entry

_KEYS = ("message", "type", "param", "code")
_TYPES = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    402: ("insufficient_quota", "insufficient_quota"),
    403: ("permission_error", None),
    404: ("invalid_request_error", "not_found"),
    413: ("invalid_request_error", "request_too_large"),
    422: ("invalid_request_error", None),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    504: ("timeout_error", None),
}
_ANTHROPIC = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
JSON = (b"content-type", b"application/json")
RETRIED = (408, 409, 429)


def status_of(error: LlmctlError) -> int:
    """The provider's own status where it is an error's, else that of the error's kind."""
    if error.reply and error.status and 400 <= error.status < 600:
        return error.status
    return error.http_status


def envelope(error: LlmctlError) -> dict[str, Any]:
    """{"error": {message, type, param, code}} for one of our errors."""
    status = status_of(error)
    kind, code = _TYPES.get(status, ("server_error" if status >= 500 else "invalid_request_error", None))
    message = f"{error.message}; {error.hint}" if error.hint else error.message
    if error.profile:
        message = f"{error.profile}: {message}"
    named = next(iter(error.codes), None) if status in (400, 404, 429) else None
    return {"error": {"message": message, "type": kind, "param": None, "code": named or code or error.code}}


def in_band(error: LlmctlError, entry: Entry) -> bytes:
    """The event that ends a stream which can't be completed, in the dialect of its door."""
    if entry.door == "messages":
        return b"event: error\ndata: %b\n\n" % _dump(_anthropic(error, entry.id))
    told = envelope(error)
    if entry.door == "responses":
        flat = {name: told["error"][name] for name in ("code", "message", "param")}
        return b"event: error\ndata: %b\n\n" % _dump({"type": "error", **flat, **told})
    return b"data: %b\n\n" % _dump(told)


def error_body(error: LlmctlError, entry: Entry) -> bytes:
    """The body for an error: the provider's own where it fits the door's envelope, else made to fit."""
    body = error.reply[1] if error.reply else b""
    if entry.door == "messages":
        return body if _is_anthropic(body) else _dump(_anthropic(error, entry.id))
    if body:
        kept = _fitted(body, error)
        if kept is not None:
            return kept
    return _dump(envelope(error))


def _anthropic(error: LlmctlError, request_id: str) -> dict[str, Any]:
    """The error as Anthropic's clients read it (PROTOCOL 2.6)."""
    status = status_of(error)
    kind = _ANTHROPIC.get(status, "api_error" if status >= 500 else "invalid_request_error")
    fault = read_fault(error.reply[1]).message if error.reply and error.reply[1] else ""
    message = fault or envelope(error)["error"]["message"]
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}


def _is_anthropic(body: bytes) -> bool:
    try:
        found = json.loads(body) if body else None
    except (ValueError, RecursionError):
        return False
    inner = found.get("error") if isinstance(found, dict) and found.get("type") == "error" else None
    return isinstance(inner, dict) and _text(inner.get("type")) and _text(inner.get("message"))


def _dump(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _fitted(body: bytes, error: LlmctlError) -> bytes | None:
    """The provider's body with what the envelope lacks; the same bytes where nothing does."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    inner = found.get("error") if isinstance(found, Mapping) else None
    if isinstance(inner, Mapping) and _is_whole(inner):
        return body
    own = envelope(error)["error"]
    fault = read_fault(found)
    rest = {**inner} if isinstance(inner, Mapping) else {}
    made = {
        **rest,
        "message": fault.message or own["message"],
        "type": rest["type"] if _text(rest.get("type")) else own["type"],
        "param": rest["param"] if _text(rest.get("param")) else None,
        "code": _code(rest.get("code"), fault.codes, own["code"]),
    }
    outer = {name: value for name, value in found.items() if name != "error"} if isinstance(inner, Mapping) else {}
    return _dump({**outer, "error": made})


def _is_whole(inner: Mapping[str, Any]) -> bool:
    fits = all(name in inner and isinstance(inner[name], str | None) for name in _KEYS)
    return fits and bool(inner["message"])


def _code(given: Any, codes: tuple[str, ...], own: str | None) -> str | None:
    if _text(given):
        return str(given)
    return next(iter(codes), None) or own


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def own_request_id(entry: Entry) -> tuple[bytes, bytes]:
    """Our own id, under the name in which the door's clients look for the provider's."""
    return (b"request-id" if entry.door == "messages" else b"x-request-id", entry.id.encode())


def error_headers(error: LlmctlError, kept: Headers) -> Headers:
    """Headers for an error; `kept` are the provider's that may go on."""
    headers = [pair for pair in kept if pair[0] not in (b"content-type", b"content-length", b"content-encoding")]
    status = status_of(error)
    names = {name for name, _ in headers}
    if (status in RETRIED or status >= 500) and not error.left_to_client:
        headers = [pair for pair in headers if pair[0] != b"x-should-retry"]
        headers.append((b"x-should-retry", b"false"))  # else a client multiplies the gateway's own retries
    if error.retry_after is not None and not names & {b"retry-after", b"retry-after-ms"}:
        headers.append((b"retry-after", b"%d" % max(1, round(error.retry_after + 0.499))))
    return [*headers, JSON]
