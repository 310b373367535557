"""How a gateway is started, and put together."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmctl.config.keys import reference_kind
from llmctl.config.paths import cache_folder
from llmctl.config.serve import ServeSettings
from llmctl.errors import ConfigError
from llmctl.gateway.accounts import Accounts, Book
from llmctl.gateway.auth import Keyring
from llmctl.gateway.budgets import Budgets
from llmctl.gateway.gateway import Gateway
from llmctl.gateway.limits import Limits
from llmctl.gateway.names import Names, read_names
from llmctl.gateway.shared import LocalShared, Shared
from llmctl.store.keys import GatewayKey, spent
from llmctl.store.store import open_to_read, store_file

if TYPE_CHECKING:
    from llmctl.gateway.cache import Cache

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Setup:
    """What the command line says; None where the config decides."""

    config: str
    host: str | None = None
    port: int | None = None
    workers: int | None = None
    profile: str | None = None
    record: str | None = None
    replay: str | None = None
    forwards_unmatched: bool = False
    keeps_ledger: bool = True
    shared: str | None = None
    """The file in which the worker processes of one machine share their state."""

    def settings(self, settings: ServeSettings) -> ServeSettings:
        """The config's settings with what the command line says."""
        given: dict[str, Any] = {"host": self.host, "port": self.port, "workers": self.workers}
        return replace(settings, **{name: value for name, value in given.items() if value is not None})

    def as_json(self) -> str:
        return json.dumps(asdict(self))


def read_setup(setup: Setup, env: Mapping[str, str], tell: Tell, before: Names | None = None) -> Names:
    """The configuration with the command line's wishes. Raises ConfigError."""
    names = read_names(Path(setup.config), env, setup.profile, tell, before)
    return replace(names, settings=setup.settings(names.settings))


def make_gateway(setup: Setup, names: Names, env: Mapping[str, str], tell: Tell) -> Gateway:
    """A gateway, not yet listening. Raises ConfigError, StoreFailed."""
    settings = names.settings
    if settings.workers > 1 and (setup.record or setup.replay):
        raise ConfigError("--record and --replay need one process", hint="leave --workers out")
    shared = _shared(setup, settings, tell)
    budgets = Budgets(partial(_profile_spent, store_file(env)) if setup.keeps_ledger else None)
    accounts = Accounts(lambda: _book(setup, settings, env, tell), tell)
    gateway = Gateway(names, shared, accounts, Limits(shared, _spent(setup, settings, env)), budgets)
    gateway.workers, gateway.tell = settings.workers, tell
    gateway.cache = _cache(settings, env, tell)
    gateway.forwards_unmatched = setup.forwards_unmatched
    if setup.record:
        from llmctl.gateway.cassettes import Recorder

        gateway.recorder = Recorder(Path(setup.record), _secrets(names, env))
    if setup.replay:
        from llmctl.gateway.cassettes import Player

        gateway.player = Player(Path(setup.replay), _secrets(names, env))
    if settings.otel:
        from llmctl.gateway.telemetry import Telemetry

        gateway.telemetry = Telemetry()
    return gateway


def _secrets(names: Names, env: Mapping[str, str]) -> list[str]:
    """The keys that are written in the config or in variables."""
    found = []
    for upstream in names.planner.upstreams.values():
        reference = upstream.target.key_reference or ""
        kind = reference_kind(reference)
        found.append(
            env.get(reference.partition(":")[2], "") if kind == "env" else reference * (kind == "literal")
        )
    return [secret for secret in found if secret]


def _spent(
    setup: Setup, settings: ServeSettings, env: Mapping[str, str]
) -> Callable[[GatewayKey], Awaitable[float]] | None:
    """What a key has spent, as the ledger knows it."""
    if not setup.keeps_ledger:
        return None
    if settings.database_url:
        from llmctl.gateway.postgres import spent_there

        return partial(_in_thread, partial(spent_there, settings.database_url))
    return partial(_in_thread, partial(_spent_here, store_file(env)))


async def _in_thread(look_up: Callable[[GatewayKey], float], key: GatewayKey) -> float:
    return await asyncio.to_thread(look_up, key)


def _spent_here(path: Path, key: GatewayKey) -> float:
    with open_to_read(path) as store:
        return spent(store.ledger, key, time.time())[0]


async def _profile_spent(path: Path, profile: str, since: float) -> float:
    """What a profile has spent, as this machine's ledger knows it."""

    def look() -> float:
        with open_to_read(path) as store:
            return store.ledger.spent(profile, since)[0]

    return await asyncio.to_thread(look)


def _shared(setup: Setup, settings: ServeSettings, tell: Tell) -> Shared:
    if settings.redis_url:
        from llmctl.gateway.shared_degrading import Degrading
        from llmctl.gateway.shared_redis import RedisShared

        return Degrading(RedisShared(settings.redis_url), LocalShared(), tell)
    if setup.shared:
        from llmctl.gateway.shared_sqlite import SqliteShared

        return SqliteShared(Path(setup.shared))
    return LocalShared()


def _cache(settings: ServeSettings, env: Mapping[str, str], tell: Tell) -> Cache:
    if settings.redis_url:
        from llmctl.gateway.cache_redis import RedisCache

        return RedisCache(settings.redis_url, settings.cache.max_age, tell)
    from llmctl.gateway.cache_sqlite import SqliteCache

    return SqliteCache(cache_folder(env) / "answers.db", int(settings.cache.max_mb * 1024 * 1024), tell=tell)


def _book(setup: Setup, settings: ServeSettings, env: Mapping[str, str], tell: Tell) -> Book:
    if not setup.keeps_ledger:
        from llmctl.gateway.book import NoBook

        return NoBook()
    if settings.database_url:
        from llmctl.gateway.postgres import PostgresBook

        return PostgresBook(settings.database_url, store_file(env).parent / "spool", tell)
    from llmctl.gateway.book import StoreBook

    return StoreBook(store_file(env))


def needs_key(settings: ServeSettings) -> bool:
    """Whether clients must show a key: as the config says, else everywhere but on loopback."""
    return settings.keys if settings.keys is not None else not is_loopback(settings.host)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    import ipaddress

    if host in ("localhost", ""):
        return host == "localhost"
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_keys(settings: ServeSettings, keyring: Keyring) -> None:
    """Raise ConfigError where keys are needed and none was made."""
    if needs_key(settings) and not keyring.any_good():
        why = (
            "serve.keys says that clients need a key"
            if settings.keys
            else f"on {settings.host} others can reach the gateway, so it needs keys"
        )
        raise ConfigError(f"{why}, and there are none", hint="make one with: llmctl serve key add NAME")
