"""One recorded request and its answer as a JSON file that people can read, compare and edit.

    {"request": {"method", "path", "content_type", "body"}, "response": {"status", "headers", "body"}}

A body is {"json": …}, {"events": ["data: …", …], "rest"?}, {"text": …} or {"base64", "size", "sha256"} (large
requests without the base64), whichever says it best; a body that is empty is null.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from llmctl.core.numbers import strict_json
from llmctl.core.redact import HIDDEN, is_secret_parameter, redact

MOST_REQUEST_BYTES = 64 * 1024
"""Of a request that is no JSON (a picture, a recording of speech); of a larger one only the hash is kept."""

_DEEPEST = 200
_KEPT_HEADERS = frozenset(
    {
        *("content-type", "content-encoding", "content-disposition", "retry-after", "retry-after-ms"),
        *("x-should-retry", "x-request-id", "request-id", "x-ms-request-id", "apim-request-id", "x-generation-id"),
    }
)
_BOUNDARY_PARAMETER = re.compile(r'boundary=(?:"[^"]*"|[^;\s]*)', re.IGNORECASE)
_BOUNDARY = re.compile(rb"--([^\r\n]{1,70})\r?\n")


@dataclass(frozen=True)
class Recorded:
    """A request and its answer. `path` has the query, header names are lower case.

    `body` of a loaded recording is b"" where it was too large to be kept.
    """

    method: str
    path: str
    content_type: str
    """Of the request; "" for none."""
    body: bytes
    status: int
    headers: list[tuple[bytes, bytes]]
    answer: bytes


@dataclass(frozen=True)
class Asked:
    """What a request is recognised by; nothing secret is in it. `body` as in a file, `key` is a hash of all."""

    method: str
    path: str
    body: dict[str, Any] | None

    @property
    def key(self) -> str:
        body = self.body or {}
        told = {"json": body["json"]} if "json" in body else {"sha256": body.get("sha256")}
        text = json.dumps([self.method, self.path, told], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def asked(method: str, path: str, body: bytes, secrets: Iterable[str] = ()) -> Asked:
    """The request without its secrets. The boundary of a multipart body, new each time, is made the same."""
    hide = hiding(secrets)
    found = _as_json(body, hide) if body else None
    if body and found is None:
        raw = _same_boundary(_without(body, secrets))
        found = {"size": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
        if len(raw) <= MOST_REQUEST_BYTES:
            found["base64"] = base64.b64encode(raw).decode()
    return Asked(method.upper(), hide(_without_query_secrets(path)), found)


def to_file(request: Asked, recorded: Recorded, secrets: Iterable[str] = ()) -> bytes:
    """The file's bytes: indented JSON, always the same for the same recording."""
    hide = hiding(secrets)
    headers = {
        name: hide(value.decode("latin-1"))
        for raw, value in recorded.headers
        if (name := raw.decode("latin-1").lower()) in _KEPT_HEADERS or name.startswith("x-ratelimit-")
    }
    whole = {
        "request": {
            "method": request.method,
            "path": request.path,
            "content_type": _BOUNDARY_PARAMETER.sub("boundary=boundary", hide(recorded.content_type)),
            "body": request.body,
        },
        "response": {
            "status": recorded.status,
            "headers": headers,
            "body": _answer(recorded.answer, headers.get("content-type", ""), hide, secrets),
        },
    }
    return json.dumps(whole, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace") + b"\n"


def from_file(data: bytes) -> tuple[Asked, Recorded]:
    """Read a file. Raises ValueError that says what is wrong with it."""
    try:
        whole = json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    request, response = _field(whole, "request", dict), _field(whole, "response", dict)
    method, path = _field(request, "method", str, "request."), _field(request, "path", str, "request.")
    body, status = request.get("body"), _field(response, "status", int, "response.")
    data = _bytes(body, "request.body", hash_is_enough=True)
    if not 200 <= status <= 599:
        raise ValueError("response.status must be from 200 to 599")
    headers = _field(response, "headers", dict, "response.")
    recorded = Recorded(
        method,
        path,
        _field(request, "content_type", str, "request."),
        data,
        status,
        [(name.lower().encode("latin-1"), str(value).encode("latin-1")) for name, value in headers.items()],
        _bytes(response.get("body"), "response.body"),
    )
    return Asked(method.upper(), path, _recognised(body, data)), recorded


def slug(request: Asked) -> str:
    """The first words of the last prompt, fit for a file's name; "" where there are none."""
    body = (request.body or {}).get("json")
    text = _prompt(body) if isinstance(body, Mapping) else ""
    plain = unicodedata.normalize("NFKD", text[:400]).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", plain)[:5])[:40].strip("-")


def hiding(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that takes these secrets out of a text, also where JSON has escaped them."""
    known = {form for secret in secrets if secret for form in (secret, json.dumps(secret)[1:-1])}
    return (lambda text: redact(text, known)) if known else (lambda text: text)


def _prompt(body: Mapping[str, Any]) -> str:
    messages = body.get("messages")
    told = [item for item in (messages if isinstance(messages, list) else ()) if isinstance(item, Mapping)]
    asking = [item for item in told if item.get("role") == "user"] or told
    value: Any = asking[-1].get("content") if asking else body.get("prompt", body.get("input"))
    if isinstance(value, list):
        texts = [part.get("text") if isinstance(part, Mapping) else part for part in value]
        value = next((text for text in texts if isinstance(text, str)), "")
    return value if isinstance(value, str) else ""


def _answer(
    data: bytes, content_type: str, hide: Callable[[str], str], secrets: Iterable[str]
) -> dict[str, Any] | None:
    """An answer's body as it stands in a file."""
    if not data:
        return None
    if "json" in content_type and (found := _as_json(data, hide)):
        return found
    try:
        text = hide(data.decode())
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(_without(data, secrets)).decode()}
    if "event-stream" not in content_type:
        return {"text": text}
    *events, rest = text.split("\n\n")
    return {"events": events, **({"rest": rest} if rest else {})}


def _bytes(body: Any, where: str, hash_is_enough: bool = False) -> bytes:
    """The bytes that a body in a file stands for."""
    match body:
        case None:
            return b""
        case {"json": value}:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
        case {"events": [*events]} if all(isinstance(event, str) for event in events):
            text = "".join(f"{event}\n\n" for event in events) + str(body.get("rest", ""))
            return text.encode("utf-8", "replace")
        case {"text": str(text)}:
            return text.encode("utf-8", "replace")
        case {"base64": str(text)}:
            return base64.b64decode(text, validate=True)
        case {"sha256": str()} if hash_is_enough:
            return b""
    raise ValueError(f"{where} has none of json, events, text and base64")


def _recognised(body: Any, data: bytes) -> dict[str, Any] | None:
    """What a request in a file is recognised by, also where somebody has edited it."""
    if body and "json" in body:
        return {"json": _hidden(body["json"], lambda text: text)}
    return {"sha256": hashlib.sha256(data).hexdigest()} if data else body


def _as_json(data: bytes, hide: Callable[[str], str]) -> dict[str, Any] | None:
    """{"json": the value without secrets}; None for what JSON in a file can't say exactly."""
    try:
        return {"json": _hidden(strict_json(data.decode()), hide)}
    except (ValueError, RecursionError):
        return None


def _hidden(value: Any, hide: Callable[[str], str], depth: int = 0) -> Any:
    """The value without known secrets, and without the texts of fields that are named like one."""
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, list):
        return [_hidden(item, hide, depth + 1) for item in value]
    if isinstance(value, dict):
        return {
            hide(name): HIDDEN
            if isinstance(inner, str) and is_secret_parameter(name)
            else _hidden(inner, hide, depth + 1)
            for name, inner in value.items()
        }
    return value


def _without(data: bytes, secrets: Iterable[str]) -> bytes:
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            data = data.replace(secret.encode(), HIDDEN.encode())
    return data


def _without_query_secrets(path: str) -> str:
    """The path with the secrets of its query hidden, by their names."""
    place, question, query = path.partition("?")
    parts = []
    for part in query.split("&"):
        name = unquote_plus(part.partition("=")[0])
        parts.append(f"{name}={HIDDEN}" if name == "key" or is_secret_parameter(name) else part)
    return place + question + "&".join(parts)


def _same_boundary(data: bytes) -> bytes:
    """A multipart body with the boundary `boundary`; others as they are."""
    first = _BOUNDARY.match(data)
    if first and data.rstrip(b"\r\n").endswith(b"--" + first[1] + b"--"):
        return data.replace(b"--" + first[1], b"--boundary")
    return data


def _field(table: Any, name: str, kind: type, where: str = "") -> Any:
    value = table.get(name) if isinstance(table, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        kinds = {dict: "an object", str: "a string", int: "a number"}
        raise ValueError(f"{where}{name} must be {kinds[kind]}")
    return value
