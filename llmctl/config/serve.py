"""[serve]: how `llmctl serve` listens, what it allows, and where it keeps what replicas share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from llmctl.core.suggest import did_you_mean
from llmctl.errors import ConfigError

if TYPE_CHECKING:
    from llmctl.config.configfile import Config

LOGS = ("none", "requests", "prompts")


@dataclass(frozen=True)
class CacheSettings:
    """The cache of answers. `on` is whether routes use it unasked; a header asks for it in any case."""

    on: bool = False
    max_age: float = 86400.0
    """Seconds."""
    max_mb: float = 256.0


@dataclass(frozen=True)
class ServeSettings:
    """The table [serve]. Times are in seconds."""

    host: str = "127.0.0.1"
    port: int = 4000
    workers: int = 1
    keys: bool | None = None
    """Whether clients must show a key; None: everywhere but on loopback."""
    hosts: tuple[str, ...] = ()
    """Further names under which browsers may reach it, against DNS rebinding."""
    cors: tuple[str, ...] = ()
    """Origins whose pages may call it; "*" is all. Never "null"."""
    max_body_mb: float = 64.0
    max_concurrent: int = 2000
    max_concurrent_per_client: int = 1000
    request_timeout: float = 30.0
    """For the headers of a request, and between the portions of its body; a body that drips gets four times it."""
    write_timeout: float = 60.0
    """How long a client may leave its answer unread."""
    keepalive: float = 15.0
    """Between the comments that keep a silent stream open."""
    drain: float = 20.0
    """How long streams may go on once it is told to stop."""
    log: str = "requests"
    """What is written to stderr for each request: none, requests (without prompts), prompts."""
    otel: bool = False
    """Send OpenTelemetry spans and metrics; OTEL_EXPORTER_OTLP_ENDPOINT says where."""
    redis_url: str | None = None
    database_url: str | None = None
    cache: CacheSettings = CacheSettings()


def read_serve(config: Config) -> ServeSettings:
    """Check the table. Raises ConfigError that names the key and what it should be."""
    settings: ServeSettings = _read(config.data.get("serve", {}), "serve", ServeSettings, _READERS)
    return settings


def _read(
    table: Any, where: str, kind: Callable[..., Any], readers: Mapping[str, Callable[[Any, str], Any]]
) -> Any:
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where} must be a table")
    values = {}
    for key, value in table.items():
        if key not in readers:
            hint = did_you_mean(key, readers) or f"known: {', '.join(readers)}"
            raise ConfigError(f"{where}: unknown key {key!r}", hint=hint)
        values[key] = readers[key](value, f"{where}.{key}")
    return kind(**values)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{where} must be a string that is not empty")
    return value


def _texts(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ConfigError(f"{where} must be a list of strings")
    return tuple(value)


def _origins(value: Any, where: str) -> tuple[str, ...]:
    origins = _texts(value, where)
    if any(origin.strip().lower() == "null" for origin in origins):
        raise ConfigError(
            f"{where} must not have null: every sandboxed page and every data: URL has that origin",
            hint="name the page's own origin, as in https://app.example.com, and serve it from there",
        )
    return origins


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{where} must be true or false, not {value!r}")
    return value


def _whole(least: int, most: int) -> Callable[[Any, str], int]:
    def read(value: Any, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ConfigError(f"{where} must be a whole number from {least} to {most}, not {value!r}")
        return value

    return read


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise ConfigError(f"{where} must be a number above 0, not {value!r}")
    return float(value)


def _log(value: Any, where: str) -> str:
    if value not in LOGS:
        raise ConfigError(f"{where} must be one of {', '.join(LOGS)}, not {value!r}")
    return str(value)


def _url(*schemes: str) -> Callable[[Any, str], str]:
    """Raises without repeating the URL, which may hold a password."""

    def read(value: Any, where: str) -> str:
        try:
            fits = urlsplit(_text(value, where)).scheme in schemes
        except ValueError:
            fits = False
        if not fits:
            raise ConfigError(f"{where} must be a URL that starts with {schemes[0]}://")
        return str(value)

    return read


def _cache(value: Any, where: str) -> CacheSettings:
    if isinstance(value, bool):
        return CacheSettings(on=value)
    settings: CacheSettings = _read(value, where, CacheSettings, _CACHE)
    return settings


_CACHE: Mapping[str, Callable[[Any, str], Any]] = {"on": _flag, "max_age": _number, "max_mb": _number}
_READERS: Mapping[str, Callable[[Any, str], Any]] = {
    "host": _text,
    "port": _whole(0, 65535),
    "workers": _whole(1, 64),
    "keys": _flag,
    "hosts": _texts,
    "cors": _origins,
    "max_body_mb": _number,
    "max_concurrent": _whole(1, 100_000),
    "max_concurrent_per_client": _whole(1, 100_000),
    "request_timeout": _number,
    "write_timeout": _number,
    "keepalive": _number,
    "drain": _number,
    "log": _log,
    "otel": _flag,
    "redis_url": _url("redis", "rediss", "unix", "valkey", "valkeys"),
    "database_url": _url("postgresql", "postgres"),
    "cache": _cache,
}
