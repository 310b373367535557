"""Where the keys of clients come from: this machine's store, or the database that replicas share."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from llmctl.store.keys import GatewayKey, GatewayKeys
from llmctl.store.store import Store


class KeySource(Protocol):
    """Gives all keys, also the revoked ones. Raises StoreFailed. Used by one thread at a time."""

    blocks: bool
    """It may take its time."""

    def all(self) -> list[GatewayKey]: ...
    def close(self) -> None: ...


class StoredKeys:
    """The keys in llmctl.db, which is opened once it is there."""

    blocks = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._store: Store | None = None
        self._version = -1
        self._known: list[GatewayKey] = []

    def all(self) -> list[GatewayKey]:
        """Read anew only when somebody has written to the file."""
        if self._store is None:
            if not self._path.exists():
                return []
            self._store = Store(self._path)
        row = self._store.database.row("PRAGMA data_version")
        version = row[0] if row else -1
        if version != self._version:
            self._known = GatewayKeys(self._store.database).all()
            self._version = version
        return self._known

    def close(self) -> None:
        self._version = -1
        if self._store is not None:
            self._store.close()
            self._store = None


def key_source(database_url: str | None, path: Path) -> KeySource:
    """The source that the settings name. Raises ConfigError where the database's driver is missing."""
    if database_url is None:
        return StoredKeys(path)
    from llmctl.gateway.postgres_keys import PostgresKeys

    return PostgresKeys(database_url)
