"""Which proxy a request goes through."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from llmctl.errors import ConfigError

SCHEMES = ("http", "https", "socks5", "socks5h")


def choose_proxy(url: str, configured: str | None, env: Mapping[str, str]) -> str | None:
    """The proxy's URL, or None. A profile's own proxy beats the environment; "" or "none" is no proxy.

    Read from the environment: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, in lower case first.
    """
    if configured is not None:
        return None if configured in ("", "none") else check_proxy(configured, "proxy")
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if _bypassed(parts.hostname or "", port, _variable(env, "no_proxy")):
        return None
    for name in (f"{parts.scheme}_proxy", "all_proxy"):
        value = _variable(env, name)
        if value:
            return check_proxy(value, name.upper())
    return None


def check_proxy(text: str, where: str) -> str:
    """The proxy's URL with a scheme. Raises ConfigError, without repeating a password."""
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in SCHEMES and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        usable = None
    if not usable:
        raise ConfigError(f"{where} is not a proxy URL", hint="it looks like http://proxy.example.com:3128")
    return url


def _variable(env: Mapping[str, str], name: str) -> str:
    if name == "http_proxy" and "REQUEST_METHOD" in env:
        return env.get(name, "")  # in a CGI program, HTTP_PROXY is a header that a client sent
    return env.get(name) or env.get(name.upper()) or ""


def _bypassed(host: str, port: int, rules: str) -> bool:
    """Whether NO_PROXY covers the host: *, names and their subdomains, addresses, networks, each with a port."""
    return any(_covers(rule, host, port) for rule in rules.replace(",", " ").lower().split())


def _covers(rule: str, host: str, port: int) -> bool:
    with_port = re.fullmatch(r"(\[.*\]|[^:]*):(\d+)", rule)
    if with_port:
        if int(with_port[2]) != port:
            return False
        rule = with_port[1]
    rule = rule.strip("[]")
    if rule == "*" or host == rule or _in_network(host, rule):
        return True
    suffix = rule.removeprefix("*").lstrip(".")
    return bool(suffix) and (host == suffix or host.endswith(f".{suffix}"))


def _in_network(host: str, rule: str) -> bool:
    if not rule[:1].isdigit() and ":" not in rule:
        return False
    import ipaddress

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(rule, strict=False)
    except ValueError:
        return False
