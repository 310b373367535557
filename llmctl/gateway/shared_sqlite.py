"""What the worker processes of one machine share: a small SQLite file, exact across them."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from llmctl.errors import StoreFailed
from llmctl.gateway.shared import CANCELS_FOR, PEERS_FOR, WINDOW, Clock, seconds_to_wait
from llmctl.store.keys import period_name

BUSY_SECONDS = 2.0
"""Writes take microseconds; one that waits so long for others has met a process that was stopped."""

_TABLES = """
CREATE TABLE IF NOT EXISTS rates (
  counter TEXT, second INTEGER, requests INTEGER NOT NULL, tokens INTEGER NOT NULL, PRIMARY KEY (counter, second)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS costs (
  counter TEXT, period TEXT, name TEXT NOT NULL, usd REAL NOT NULL, PRIMARY KEY (counter, period)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cooldowns (name TEXT PRIMARY KEY, until REAL NOT NULL, why TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS workers (worker TEXT PRIMARY KEY, time REAL NOT NULL, state BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS cancels (entry TEXT PRIMARY KEY, time REAL NOT NULL);
"""
_COUNT = (
    "INSERT INTO rates VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
    " SET requests = requests + excluded.requests, tokens = tokens + excluded.tokens"
)
_KEEP_COST = "INSERT INTO costs VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET name = excluded.name, usd ="
_ADD_COST = f"{_KEEP_COST} excluded.usd + CASE WHEN name = excluded.name THEN usd ELSE 0 END"
_RAISE_COST = f"{_KEEP_COST} MAX(excluded.usd, CASE WHEN name = excluded.name THEN usd ELSE 0 END)"


class SqliteShared:
    """A file that every worker opens. Every method raises StoreFailed where it can't be used."""

    def __init__(self, path: Path, clock: Clock = time.time) -> None:
        """Open the file, made where it is missing, for nobody else. Raises StoreFailed."""
        self._path = path
        self._clock = clock
        with self._told():
            self._connection = _connect(path)

    async def take(self, counter: str, requests_limit: int | None, tokens_limit: int | None) -> float | None:
        now = self._clock()
        with self._transaction():
            self._run("DELETE FROM rates WHERE counter = ? AND second <= ?", (counter, int(now) - WINDOW))
            buckets = self._rows("SELECT second, requests, tokens FROM rates WHERE counter = ?", (counter,))
            wait = seconds_to_wait(buckets, requests_limit, tokens_limit, now)
            if wait is None:
                self._run(_COUNT, (counter, int(now), 1, 0))
        return wait

    async def add_tokens(self, counter: str, tokens: int) -> None:
        self._run(_COUNT, (counter, int(self._clock()), 0, tokens))

    async def add_cost(self, counter: str, usd: float, period: str) -> None:
        self._run(_ADD_COST, (counter, period, self._name(period), usd))

    async def raise_cost(self, counter: str, usd: float, period: str) -> None:
        self._run(_RAISE_COST, (counter, period, self._name(period), usd))

    async def cost(self, counter: str, period: str) -> float:
        found = self._rows(
            "SELECT usd FROM costs WHERE counter = ? AND period = ? AND name = ?",
            (counter, period, self._name(period)),
        )
        return float(found[0][0]) if found else 0.0

    async def put_cooldown(self, name: str, until: float, why: str) -> None:
        self._run("INSERT OR REPLACE INTO cooldowns VALUES (?, ?, ?)", (name, until, why))

    async def clear_cooldown(self, name: str) -> None:
        self._run("DELETE FROM cooldowns WHERE name = ?", (name,))

    async def cooldowns(self) -> dict[str, tuple[float, str]]:
        rows = self._rows("SELECT name, until, why FROM cooldowns WHERE until > ?", (self._clock(),))
        return {name: (until, why) for name, until, why in rows}

    async def publish(self, worker: str, state: bytes) -> None:
        now = self._clock()
        self._run("INSERT OR REPLACE INTO workers VALUES (?, ?, ?)", (worker, now, state))
        self._run("DELETE FROM workers WHERE time < ?", (now - PEERS_FOR,))

    async def peers(self) -> dict[str, bytes]:
        since = self._clock() - PEERS_FOR
        return dict(self._rows("SELECT worker, state FROM workers WHERE time >= ?", (since,)))

    async def ask_cancel(self, entry: str) -> None:
        now = self._clock()
        self._run("INSERT OR REPLACE INTO cancels VALUES (?, ?)", (entry, now))
        self._run("DELETE FROM cancels WHERE time < ?", (now - CANCELS_FOR,))

    async def cancels(self) -> set[str]:
        since = self._clock() - CANCELS_FOR
        return {entry for (entry,) in self._rows("SELECT entry FROM cancels WHERE time >= ?", (since,))}

    async def close(self) -> None:
        with self._told():
            self._connection.close()

    def _name(self, period: str) -> str:
        return period_name(period, self._clock())

    def _run(self, sql: str, values: Sequence[Any]) -> None:
        with self._told():
            self._connection.execute(sql, values)

    def _rows(self, sql: str, values: Sequence[Any]) -> list[Any]:
        with self._told():
            return self._connection.execute(sql, values).fetchall()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Nobody else writes meanwhile."""
        self._run("BEGIN IMMEDIATE", ())
        try:
            yield
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise
        self._run("COMMIT", ())

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise StoreFailed(f"the workers can't share {self._path}: {reason}") from error


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite would make it readable by others
    path.chmod(0o600)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        with contextlib.suppress(sqlite3.OperationalError):  # another worker is just doing it
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")  # a power cut loses nothing that anybody needs
        connection.executescript(_TABLES)
    except BaseException:
        connection.close()
        raise
    return connection
