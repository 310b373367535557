"""Base URLs as people write them, and the addresses made from them."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit, urlunsplit

from llmctl.errors import ConfigError

_ENDPOINTS = re.compile(
    r"(/(chat/completions|completions|embeddings|models|images/generations|responses|messages)|/)+\Z"
)
_VERSION = re.compile(r"/v\d+[a-z0-9]*(/|$)")
_LOCAL = re.compile(r"(localhost|127(\.\d+){3}|0\.0\.0\.0|\[::1?\])(?=[:/?]|\Z)")
_ANY = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - servers say so when they listen everywhere


def clean_base_url(text: str, where: str = "base_url") -> str:
    """A base URL in one form: scheme, no trailing slash, no endpoint path, query kept.

    "localhost:8080" -> "http://localhost:8080", ".../v1/chat/completions" -> ".../v1".
    Raises ConfigError for what can't be a base URL, and for one that holds a password.
    """
    text = text.strip()
    if not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", text):
        text = f"{'http' if _LOCAL.match(text) else 'https'}://{text}"
    safe = re.sub(r"//[^/?#]*@", "//***@", text)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{where} {safe!r} is not a URL ({error})") from error
    if "@" in parts.netloc:
        raise ConfigError(
            f"{where} must not hold a user name or password", hint="set the key with: llmctl key set"
        )
    place = re.fullmatch(r"(\[.*\]|[^:]*)(:?)(\d*)", parts.netloc.lower())
    if parts.scheme not in ("http", "https") or not host or not place or re.search(r"[\s\x00-\x1f\\]", text):
        raise ConfigError(f"{where} {safe!r} is not a URL", hint="it looks like https://api.example.com/v1")
    name, colon, port = place.groups()
    netloc = _ANY.get(name, name) + (colon + port if port else "")
    return urlunsplit((parts.scheme.lower(), netloc, _ENDPOINTS.sub("", parts.path), parts.query, ""))


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
    query = re.sub(r"(^|&)(?!api-version=)([^=&]*)=[^&]*", r"\1\2=***", parts.query)
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
