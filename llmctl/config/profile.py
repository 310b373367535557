"""One profile as written in the config, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from llmctl.core.headers import is_header_name, is_header_value
from llmctl.core.suggest import did_you_mean
from llmctl.core.urls import clean_base_url
from llmctl.errors import ConfigError

AUTH = ("bearer", "api-key", "none")
BUDGET = ("usd_per_day", "usd_per_request")
"""Limits in US dollars."""
RESERVED = ("demo", "env")
"""Names that no profile may take: the embedded provider, and the profile made of OPENAI_* variables."""


@dataclass(frozen=True)
class Timeouts:
    """Seconds. `first_token` runs from sending a streaming request to its first token."""

    connect: float = 10.0
    first_token: float = 120.0
    idle: float = 60.0
    total: float = 600.0


@dataclass(frozen=True)
class Profile:
    """A table [profiles.NAME]. Everything is optional but one of `provider` and `base_url`."""

    name: str
    provider: str | None = None
    base_url: str | None = None
    key: str | None = None
    keys: tuple[str, ...] = ()
    """Further keys; `llmctl serve` uses all of them in turn."""
    model: str | None = None
    embedding_model: str | None = None
    image_model: str | None = None
    auth: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: Timeouts = field(default_factory=Timeouts)
    retries: int = 2
    proxy: str | None = None
    ca_bundle: str | None = None
    client_cert: tuple[str, str | None] | None = None
    verify: bool = True
    budget: Mapping[str, float] = field(default_factory=dict)
    quirks: Mapping[str, Any] = field(default_factory=dict)


KEYS = tuple(f.name for f in fields(Profile) if f.name != "name")
"""Every key that a profile may have."""


def read_profile(name: str, table: Any) -> Profile:
    """Check a table. Raises ConfigError that names the profile, the key and what it should be."""
    where = f"profiles.{name}"
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where} must be a table", hint=f"write it as [profiles.{name}]")
    for key in table:
        if key not in KEYS:
            raise ConfigError(
                f"{where}: unknown key {key!r}", hint=did_you_mean(key, KEYS) or f"known: {', '.join(KEYS)}"
            )
    if not table.get("provider") and not table.get("base_url"):
        raise ConfigError(f"{where} has neither provider nor base_url", hint="one of them is needed")
    values: dict[str, Any] = {}
    for key, value in table.items():
        values[key] = _READERS.get(key, _string)(value, f"{where}.{key}")
    return Profile(name, **values)


def _string(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{where} must be a string that is not empty")
    return value


def _keys(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise ConfigError(f"{where} must be a list of keys, or of references such as env:NAME")
    return tuple(value)


def _base_url(value: Any, where: str) -> str:
    return clean_base_url(_string(value, where), where)


def _auth(value: Any, where: str) -> str:
    if value not in AUTH:
        raise ConfigError(f"{where} must be one of {', '.join(AUTH)}, not {value!r}")
    return str(value)


def _headers(value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in value.values()):
        raise ConfigError(f"{where} must be a table of strings")
    for name, text in value.items():
        if not is_header_name(name) or not is_header_value(text):
            raise ConfigError(f"{where}: {name!r} can't be sent as a header")
    return dict(value)


def _timeout(value: Any, where: str) -> Timeouts:
    known = [f.name for f in fields(Timeouts)]
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} must be a table", hint="for example: timeout = { connect = 5, idle = 30 }")
    for key, seconds in value.items():
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}", hint=f"known: {', '.join(known)}")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < 1e9:
            raise ConfigError(f"{where}.{key} must be a number of seconds above 0")
    return Timeouts(**{key: float(seconds) for key, seconds in value.items()})


def _retries(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 20:
        raise ConfigError(f"{where} must be a whole number from 0 to 20")
    return value


def _client_cert(value: Any, where: str) -> tuple[str, str | None]:
    if isinstance(value, str) and value:
        return value, None
    if isinstance(value, Mapping) and set(value) == {"cert", "key"}:
        return _string(value["cert"], f"{where}.cert"), _string(value["key"], f"{where}.key")
    raise ConfigError(f"{where} must be a path, or {{ cert = …, key = … }}")


def _bool(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{where} must be true or false")
    return value


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} must be a table")
    return dict(value)


def _budget(value: Any, where: str) -> dict[str, float]:
    table = _table(value, where)
    for key, amount in table.items():
        if key not in BUDGET:
            hint = did_you_mean(key, BUDGET) or f"known: {', '.join(BUDGET)}"
            raise ConfigError(f"{where}: unknown key {key!r}", hint=hint)
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 < amount < 1e9:
            raise ConfigError(f"{where}.{key} must be a number of US dollars above 0")
    return {key: float(amount) for key, amount in table.items()}


def _proxy(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f'{where} must be a string; "" is no proxy')
    return value


_READERS = {
    "keys": _keys,
    "base_url": _base_url,
    "auth": _auth,
    "headers": _headers,
    "timeout": _timeout,
    "retries": _retries,
    "proxy": _proxy,
    "client_cert": _client_cert,
    "verify": _bool,
    "budget": _budget,
    "quirks": _table,
}
