"""Secrets kept out of whatever is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

HIDDEN = "***"
SECRET_HEADERS = frozenset({"authorization", "api-key", "x-api-key", "proxy-authorization", "cookie"})


def redact(text: str, secrets: Iterable[str | None]) -> str:
    """The text with each secret replaced; very short ones are left, as they would eat ordinary words."""
    for secret in secrets:
        if secret and len(secret) >= 6:
            text = text.replace(secret, HIDDEN)
    return text


def show_headers(headers: Mapping[str, str], secret_names: Iterable[str] = ()) -> dict[str, str]:
    """Headers fit to be shown."""
    hidden = {name.lower() for name in secret_names} | SECRET_HEADERS
    return {name: HIDDEN if name.lower() in hidden else value for name, value in headers.items()}
