"""Base URLs as people write them, and the addresses made from them."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit, urlunsplit

from llmctl.errors import ConfigError

_ENDPOINTS = re.compile(
    r"/(chat/completions|completions|embeddings|models|images/generations|responses|messages)/?$"
)
_VERSION = re.compile(r"/v\d+[a-z0-9]*(/|$)")


def clean_base_url(text: str, where: str = "base_url") -> str:
    """A base URL in one form: scheme, no trailing slash, no endpoint path, query kept.

    "localhost:8080" -> "http://localhost:8080", ".../v1/chat/completions" -> ".../v1".
    Raises ConfigError for what can't be a base URL, and for one that holds a password.
    """
    text = text.strip()
    if not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", text):
        local = re.match(r"(localhost|127\.|0\.0\.0\.0|\[::1\]|\[::\])", text)
        text = f"{'http' if local else 'https'}://{text}"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{where} {text!r} is not a URL ({error})") from error
    if parts.scheme not in ("http", "https") or not host or re.search(r"[\s\x00-\x1f]", text):
        raise ConfigError(f"{where} {text!r} is not a URL", hint="it looks like https://api.example.com/v1")
    if parts.username or parts.password:
        raise ConfigError(
            f"{where} must not hold a user name or password", hint="set the key with: llmctl key set"
        )
    path = _ENDPOINTS.sub("", parts.path).rstrip("/")
    netloc = parts.netloc.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]")  # noqa: S104
    return urlunsplit((parts.scheme.lower(), netloc.lower(), path, parts.query, ""))


def join(base_url: str, path: str) -> str:
    """base_url + path, the query string of both kept."""
    parts = urlsplit(base_url)
    path, _, query = path.partition("?")
    whole = quote(f"{parts.path.rstrip('/')}/{path.lstrip('/')}", safe="/%:@!$&'()*+,;=~")
    joined = quote("&".join(part for part in (parts.query, query) if part), safe="/%:@!$&'()*+,;=~?")
    return urlunsplit((parts.scheme, parts.netloc, whole, joined, ""))


def shown(url: str) -> str:
    """The URL fit to be shown: values in its query are hidden, as some providers take keys there."""
    parts = urlsplit(url)
    query = re.sub(r"(?<![\w-])(?!api-version=)([\w.-]+)=[^&]*", r"\1=***", parts.query)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def origin(url: str) -> str:
    """scheme://host:port, the port always there: what a key belongs to."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{parts.hostname}:{port}"


def other_form(base_url: str) -> str | None:
    """The same address with /v1 added, or taken off: what to try when a path isn't there."""
    parts = urlsplit(base_url)
    if parts.path.endswith("/v1"):
        path = parts.path[: -len("/v1")]
    elif _VERSION.search(parts.path) or "/deployments/" in parts.path:
        return None
    else:
        path = parts.path.rstrip("/") + "/v1"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))
