"""Secrets kept out of whatever is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import parse_qsl, urlsplit

HIDDEN = "***"
SECRET_HEADERS = frozenset({"authorization", "api-key", "x-api-key", "proxy-authorization", "cookie"})
_SECRET_PARAMETER = re.compile(r"api[_-]?key|(access|auth|bearer)[_-]?token|secret|password|authorization")
_SECRET_WORDS = ("key", "token", "secret", "auth", "cookie", "password")
_SHORTEST = 6
"""Shorter secrets are left, as they would eat ordinary words."""


def redact(text: str, secrets: Iterable[str | None]) -> str:
    """The text with each secret replaced, also where the end of the text was cut off inside one."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        if len(secret) < _SHORTEST:
            continue
        text = text.replace(secret, HIDDEN)
        body = text.rstrip("…'\"")
        for size in range(len(secret) - 1, _SHORTEST - 1, -1):
            if body.endswith(secret[:size]):
                text = body[:-size] + HIDDEN + text[len(body) :]
                break
    return text


def is_secret_header(name: str) -> bool:
    """Whether a header's value is better not shown, by its name."""
    return name.lower() in SECRET_HEADERS or any(word in name.lower() for word in _SECRET_WORDS)


def is_secret_parameter(name: str) -> bool:
    """Whether a request's parameter holds a secret, by its name. max_tokens and prompt_cache_key don't."""
    return bool(_SECRET_PARAMETER.search(name.lower()))


def show_headers(headers: Mapping[str, str], secret_names: Iterable[str] = ()) -> dict[str, str]:
    """Headers fit to be shown."""
    hidden = {name.lower() for name in secret_names}
    return {
        name: HIDDEN if name.lower() in hidden or is_secret_header(name) else value
        for name, value in headers.items()
    }


def secrets_of(headers: Mapping[str, str], url: str) -> Iterator[str]:
    """What of a target's own headers and address must not be repeated."""
    yield from (value for name, value in headers.items() if is_secret_header(name))
    yield from (value for name, value in parse_qsl(urlsplit(url).query) if name != "api-version")
