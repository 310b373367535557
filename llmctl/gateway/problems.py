"""Errors as OpenAI's envelope, with all four keys: our own, and providers' of whatever shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llmctl.client.wire import Headers
from llmctl.core.faults import read_fault
from llmctl.errors import LlmctlError

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


def in_band(error: LlmctlError) -> bytes:
    """The event that ends a stream which can't be completed."""
    return b"data: %b\n\n" % json.dumps(envelope(error), ensure_ascii=False).encode("utf-8", "replace")


def error_body(error: LlmctlError) -> bytes:
    """The body for an error: the provider's own where it fits the envelope, else made to fit."""
    body = error.reply[1] if error.reply else b""
    if body:
        kept = _fitted(body, error)
        if kept is not None:
            return kept
    return json.dumps(envelope(error), ensure_ascii=False).encode("utf-8", "replace")


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
    return json.dumps({**outer, "error": made}, ensure_ascii=False).encode("utf-8", "replace")


def _is_whole(inner: Mapping[str, Any]) -> bool:
    fits = all(name in inner and isinstance(inner[name], str | None) for name in _KEYS)
    return fits and bool(inner["message"])


def _code(given: Any, codes: tuple[str, ...], own: str | None) -> str | None:
    if _text(given):
        return str(given)
    return next(iter(codes), None) or own


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


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
