"""A provider's error, from status, headers and body to one of our classes.

The class follows the HTTP status and the structured code; the provider's sentence is shown, never
searched. The envelopes of PROTOCOL 1.5 are all read: OpenAI's, a bare string, FastAPI's `detail`,
Gemini's list, Azure's inner error, flat objects, HTML, nothing at all.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from llmctl.core.retryafter import retry_after
from llmctl.errors import (
    ContextTooLong,
    Forbidden,
    KeyProblem,
    KeyRejected,
    LlmctlError,
    NotFound,
    NotUnderstood,
    Overloaded,
    ProviderFault,
    ProxyFailed,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    TooLarge,
)

BY_CODE: dict[str, type[LlmctlError]] = {
    "context_length_exceeded": ContextTooLong,
    "exceed_context_size_error": ContextTooLong,
    "model_context_window_exceeded": ContextTooLong,
    "insufficient_quota": QuotaExhausted,
    "credit_balance_exhausted": QuotaExhausted,
    "billing_hard_limit_reached": QuotaExhausted,
    "billing_not_active": QuotaExhausted,
    "billing_error": QuotaExhausted,
    "insufficient_balance": QuotaExhausted,
    "invalid_api_key": KeyRejected,
    "api_key_invalid": KeyRejected,
    "authentication_error": KeyRejected,
    "unauthenticated": KeyRejected,
    "permission_error": Forbidden,
    "permission_denied": Forbidden,
    "model_not_found": NotFound,
    "not_found_error": NotFound,
    "rate_limit_exceeded": RateLimited,
    "rate_limit_error": RateLimited,
    "overloaded_error": Overloaded,
    "server_overloaded": Overloaded,
    "request_too_large": TooLarge,
}

_REFUSED = {
    *("invalid_request_error", "invalid_request", "bad_request", "badrequesterror", "invalid_argument"),
    *("invalid_prompt", "invalid_image", "invalid_image_format", "invalid_base64_image", "invalid_image_url"),
    *("invalid_image_mode", "image_too_large", "image_too_small", "image_parse_error", "image_file_too_large"),
    *("image_content_policy_violation", "image_file_not_found", "unsupported_image_media_type"),
    *("empty_image_file", "failed_to_download_image"),
}
"""Structured codes (code, type, status or reason fields, in lower case) that say more than the status."""

_NO_MODEL = {"model_not_found", "notfounderror"}
"""OpenAI's and vLLM's word for it."""

BY_STATUS: dict[int, type[LlmctlError]] = {
    401: KeyRejected,
    402: QuotaExhausted,
    403: Forbidden,
    404: NotFound,
    407: ProxyFailed,
    408: ProviderFault,
    413: TooLarge,
    429: RateLimited,
    498: Overloaded,
    503: Overloaded,
    529: Overloaded,
}

REQUEST_IDS = ("x-request-id", "request-id", "apim-request-id", "x-ms-request-id", "x-generation-id", "cf-ray")


@dataclass(frozen=True)
class Fault:
    """What an error body says. `codes` are all its structured codes, most telling first, lower case."""

    message: str
    codes: tuple[str, ...] = ()
    status: int | None = None
    structured: bool = True
    param: str = ""


def error_from_reply(status: int, headers: Mapping[str, str], body: bytes) -> LlmctlError:
    """The error for a reply whose status is not 2xx. Header names must be in lower case."""
    fault = read_fault(body)
    if 300 <= status < 400:
        target = headers.get("location", "elsewhere").partition("?")[0]
        error: LlmctlError = NotFound(
            f"the address answers with a redirect ({status}) to {target}",
            hint="keys are never sent along a redirect; set base_url to the new address",
        )
    else:
        error = _class_for(status, fault.codes)(_sentence(status, fault))
    error.status = status
    error.codes = fault.codes
    error.retry_after = retry_after(headers)
    if error.retry_after is None and "retry-after" in headers:  # a date, in a reply that doesn't tell its own
        error.retry_after = retry_after(headers, time.time())
    error.request_id = request_id(headers)
    error.should_retry = {"true": True, "false": False}.get(headers.get("x-should-retry", "").lower())
    return error


def _sentence(status: int, fault: Fault) -> str:
    if fault.message and fault.structured:
        return fault.message
    return f"the provider answered {status} {f'with {fault.message}' if fault.message else 'without a word'}"


def error_in_body(payload: Any, event: str = "") -> LlmctlError | None:
    """The error inside a 200 reply or a stream, or None when the payload is no error."""
    if isinstance(payload, list):
        payload = next((item for item in payload if isinstance(item, Mapping) and item.get("error")), None)
    if not isinstance(payload, Mapping):
        return None
    if not payload.get("error") and event != "error" and not _is_flat_error(payload):
        return None
    fault = read_fault(payload)
    refused = bool(_REFUSED.intersection(fault.codes)) or isinstance(payload.get("detail"), list)
    status = fault.status or (400 if refused else 500)
    error = _class_for(status, fault.codes)(fault.message or "the provider reported an error")
    error.status = fault.status
    error.codes = fault.codes
    return error


def read_fault(body: Any) -> Fault:
    """Read an error body: bytes, or JSON already decoded."""
    try:
        return _read(json.loads(body) if isinstance(body, bytes) else body)
    except (ValueError, RecursionError):
        return Fault(_plain(body) if isinstance(body, bytes) else "an error nested too deeply", structured=False)


def _read(body: Any) -> Fault:
    if isinstance(body, list):
        body = next((item for item in body if isinstance(item, Mapping)), {})
    if not isinstance(body, Mapping):
        return Fault(_short(body) if isinstance(body, str) else "")
    inner = body.get("error")
    outer = body
    if isinstance(inner, Mapping):
        body = inner
    elif isinstance(inner, str):
        return Fault(_short(inner), tuple(_codes(outer)), _status(outer))
    param = body.get("param")
    return Fault(
        _short(_message(body)), tuple(_codes(body)), _status(body), param=param if isinstance(param, str) else ""
    )


def lacks_path(error: LlmctlError) -> bool:
    """Whether a server seems not to know the path that it was asked for, rather than the model."""
    if error.status not in (404, 405) or _NO_MODEL.intersection(error.codes):
        return False
    return not error.reply or read_fault(error.reply[1]).param != "model"


def refuses_key(error: LlmctlError) -> bool:
    """Whether a provider says that the key is wrong, in a provider's words: others refuse strangers, too."""
    if not isinstance(error, KeyProblem) or not error.reply:
        return False
    if any(code in BY_CODE for code in error.codes):
        return True
    try:
        said = json.loads(error.reply[1])
    except (ValueError, RecursionError):
        return False
    inner = said.get("error") if isinstance(said, Mapping) else None
    return isinstance(inner, Mapping) and isinstance(inner.get("message"), str)


def request_id(headers: Mapping[str, str]) -> str | None:
    """The provider's id for a request, whichever header it uses."""
    return next((headers[name] for name in REQUEST_IDS if headers.get(name)), None)


def _class_for(status: int, codes: tuple[str, ...]) -> type[LlmctlError]:
    by_code = next((BY_CODE[code] for code in codes if code in BY_CODE), None)
    if by_code and (status in (200, 400, 403, 404, 413, 422, 429, 500, 503, 529)):
        return by_code
    if status in BY_STATUS:
        return BY_STATUS[status]
    if status >= 500 or status == 499:
        return ProviderFault
    return RequestRefused if status >= 400 else NotUnderstood


def _is_flat_error(payload: Mapping[str, Any]) -> bool:
    """{"object": "error", …} (older vLLM, Mistral), {"type": "error"}, {"detail": …} (FastAPI)."""
    if payload.get("object") == "error" or payload.get("type") == "error":
        return True
    return bool(payload.get("detail")) and "choices" not in payload and "data" not in payload


def _message(body: Mapping[str, Any]) -> str:
    for name in ("message", "detail", "error_description", "msg", "title", "errors", "error"):
        value = body.get(name)
        if isinstance(value, str) and value:
            return value + _raw_cause(body)
        if isinstance(value, Mapping | list) and value:
            return _nested(value)
    return ""


def _raw_cause(body: Mapping[str, Any]) -> str:
    """OpenRouter says "Provider returned error" and puts the cause in metadata.raw."""
    metadata = body.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    return f": {raw}" if isinstance(raw, str) and raw else ""


def _nested(value: Any) -> str:
    """Lists of {loc, msg} (FastAPI, Mistral) or {message} (Cloudflare), or an object inside `message`."""
    if isinstance(value, Mapping):
        return _message(value) or json.dumps(value, ensure_ascii=False)
    parts = []
    for item in value:
        said = item.get("msg") or item.get("message") if isinstance(item, Mapping) else None
        if isinstance(said, str):
            place = item.get("loc")
            where = ".".join(str(step) for step in place) if isinstance(place, list) else ""
            parts.append(f"{where}: {said}" if where else said)
        else:
            parts.append(str(item))
    return "; ".join(parts)


def _codes(body: Mapping[str, Any]) -> Iterator[str]:
    """Every structured code in the body, the most specific first."""
    inner = body.get("innererror") or body.get("inner_error")
    if isinstance(inner, Mapping) and isinstance(inner.get("code"), str):
        yield inner["code"].lower()
    details = body.get("details")
    for item in details if isinstance(details, list) else ():
        if isinstance(item, Mapping) and isinstance(item.get("reason"), str):
            yield item["reason"].lower()
    for name in ("code", "type", "status"):
        if isinstance(body.get(name), str):
            yield body[name].lower()
    metadata = body.get("metadata")
    if isinstance(metadata, Mapping) and isinstance(metadata.get("error_type"), str):
        yield metadata["error_type"].lower()


def _status(body: Mapping[str, Any]) -> int | None:
    for name in ("code", "status"):
        value = body.get(name)
        if isinstance(value, int) and 400 <= value < 600:
            return value
        if isinstance(value, str) and re.fullmatch("[45][0-9][0-9]", value):
            return int(value)
    return None


def _plain(body: bytes) -> str:
    """A body that is no JSON: the title of an HTML page, or the start of the text."""
    text = body[:65536].decode("utf-8", "replace").strip()
    if text[:1] == "<":
        title = re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE)
        name = _short(title[1], 200) if title else ""
        return f"a web page instead of JSON{f' ({name})' if name else ''}"
    return f"{_short(text)!r}" if text else ""


def _short(text: str, most: int = 2000) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"
