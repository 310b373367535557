"""A connection to PostgreSQL that keeps its temper: each piece of work has a limit, failures come in our words.

The tables are in a schema of their own, brought up to date under a lock. The URL, which may hold a password, is
in no message.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from llmctl.errors import ConfigError, StoreFailed

if TYPE_CHECKING:
    from psycopg import Connection

CONNECT_SECONDS = 3
STATEMENT_SECONDS = 10
_LOST_SECONDS = 15.0
"""When a server that says nothing at all is given up: its own limit for statements doesn't help then."""
_LOCK = 0x6C6C6D63746C  # any number that others don't use: "llmctl"

_TABLES = """
CREATE TABLE llmctl.requests (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  uid TEXT NOT NULL UNIQUE,                    -- the same for a row that is written once more
  time DOUBLE PRECISION NOT NULL,              -- seconds since 1970
  caller TEXT NOT NULL,
  profile TEXT NOT NULL,
  provider TEXT NOT NULL,
  base_url TEXT NOT NULL,
  model TEXT NOT NULL,
  answered_by TEXT NOT NULL,
  status TEXT NOT NULL,
  http_status BIGINT,
  attempts BIGINT NOT NULL,
  prompt_tokens BIGINT, completion_tokens BIGINT,
  cached_tokens BIGINT, cache_write_tokens BIGINT, reasoning_tokens BIGINT,
  cost DOUBLE PRECISION,                       -- US dollars; NULL: unknown
  cost_by TEXT NOT NULL,
  first_token_ms DOUBLE PRECISION, total_ms DOUBLE PRECISION,
  request_id TEXT NOT NULL,
  conversation TEXT,
  message BIGINT,
  entry TEXT NOT NULL,
  route TEXT NOT NULL,
  why TEXT NOT NULL
);
CREATE INDEX requests_time ON llmctl.requests (time);
CREATE INDEX requests_caller ON llmctl.requests (caller, time);
CREATE INDEX requests_entry ON llmctl.requests (entry);

CREATE TABLE llmctl.gateway_keys (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  hash TEXT NOT NULL,                          -- sha256 of the whole key, in hex
  models TEXT NOT NULL,                        -- JSON: patterns
  requests_per_minute BIGINT,
  tokens_per_minute BIGINT,
  budget_usd DOUBLE PRECISION,
  budget_period TEXT NOT NULL,
  created DOUBLE PRECISION NOT NULL,
  expires DOUBLE PRECISION,
  revoked DOUBLE PRECISION,
  admin BOOLEAN NOT NULL                       -- may see everybody's traffic, and end it
);

CREATE TABLE llmctl.comparisons (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  uid TEXT NOT NULL UNIQUE,
  time DOUBLE PRECISION NOT NULL,
  entry TEXT NOT NULL,
  route TEXT NOT NULL,
  request TEXT NOT NULL,
  answers TEXT NOT NULL
);
CREATE INDEX comparisons_route ON llmctl.comparisons (route, time);
"""
MIGRATIONS: tuple[str, ...] = (_TABLES,)
# to_regclass() and its like may still say no, from a cache, right after the lock was waited for.
_HAS_TABLES = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'llmctl' AND tablename = 'version')"
_HAS_SCHEMA = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'llmctl')"


class Link:
    """A connection that is made when it is needed, and made anew after a failure. Threads wait for each other."""

    def __init__(self, url: str) -> None:
        """Nothing is connected yet. Raises ConfigError for a URL that can't be one, and without psycopg."""
        self._url = url
        self._password = _check(url)
        self._connection: Connection[Any] | None = None
        self._free = threading.RLock()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection[Any]]:
        """Work that happens as a whole or not at all, within a limit of time. Raises StoreFailed.

        Should the connection break at its end, nobody knows which of the two it was.
        """
        import psycopg

        try:
            with self._free:
                connection = self._connected()
                with _limited(connection), connection.transaction():
                    _set_limit(connection)
                    yield connection
        except (psycopg.Error, OSError) as error:
            broken = self._connection
            if broken is not None and (broken.closed or broken.broken):
                self.close()
            raise StoreFailed(f"PostgreSQL: {self._words(error)}") from None  # its own words may hold the URL

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def cut(self) -> None:
        """Called from another thread: end what is under way, which fails."""
        if self._connection is not None:
            _cut(self._connection)

    def _connected(self) -> Connection[Any]:
        import psycopg

        if self._connection is None:
            _hush()
            connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=CONNECT_SECONDS,
                prepare_threshold=None,  # poolers between us and the server can't keep prepared statements apart
                fallback_application_name="llmctl",
            )
            try:
                with _limited(connection):
                    _migrate(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _words(self, error: Exception) -> str:
        text = (str(error).strip() or type(error).__name__).splitlines()[0].removeprefix("connection failed: ")
        return text.replace(self._password, "***") if self._password else text


def _check(url: str) -> str:
    """The password of the URL. Raises ConfigError, which repeats nothing of it."""
    from urllib.parse import unquote

    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    except ImportError as error:
        raise ConfigError(
            "[serve] database_url needs a library that is not here", hint="pip install 'llmctl[postgres]'"
        ) from error
    hint = "postgresql://USER:PASSWORD@HOST:5432/DATABASE; other characters than letters and digits as %XX"
    try:
        known = conninfo_to_dict(url)
    except (psycopg.Error, ValueError):
        raise ConfigError("[serve] database_url is not a URL of PostgreSQL", hint=hint) from None
    # An @ or / in a password would make the rest of it a name of a host, which messages show.
    user, at, _ = url.partition("://")[2].partition("?")[0].rpartition("@")
    given = unquote(user.partition(":")[2]) if at else ""
    password = str(known.get("password") or "")
    if given and given != password:
        raise ConfigError("[serve] database_url: its password can't be told from the rest", hint=hint)
    return password


def _hush() -> None:
    """What psycopg logs about lost connections is in our own messages; without a handler it goes to stderr."""
    logger = logging.getLogger("psycopg")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _migrate(connection: Connection[Any]) -> None:
    """Run what is missing. Gateways that start at once wait for each other, and look again."""
    if _version(connection) == len(MIGRATIONS):
        return
    with connection.transaction():
        _set_limit(connection)
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        version = _version(connection)
        if version > len(MIGRATIONS):
            raise StoreFailed("the PostgreSQL database was written by a newer llmctl", hint="update llmctl")
        if version == 0:
            if not _one(connection, _HAS_SCHEMA):  # whoever may not make one is given it
                connection.execute("CREATE SCHEMA llmctl")
            connection.execute("CREATE TABLE llmctl.version (version BIGINT NOT NULL)")
            connection.execute("INSERT INTO llmctl.version VALUES (0)")
        for migration in MIGRATIONS[version:]:
            connection.execute(migration)
        connection.execute("UPDATE llmctl.version SET version = %s", (len(MIGRATIONS),))


def _version(connection: Connection[Any]) -> int:
    if not _one(connection, _HAS_TABLES):
        return 0
    return int(_one(connection, "SELECT version FROM llmctl.version"))


def _one(connection: Connection[Any], sql: str) -> Any:
    row = connection.execute(sql).fetchone()
    return row[0] if row else None


def _set_limit(connection: Connection[Any]) -> None:
    """For this transaction only: behind a pooler, the session belongs to others too."""
    connection.execute(f"SET LOCAL statement_timeout = {STATEMENT_SECONDS * 1000}")


@contextlib.contextmanager
def _limited(connection: Connection[Any]) -> Iterator[None]:
    watch = threading.Timer(_LOST_SECONDS, _cut, (connection,))
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _cut(connection: Connection[Any]) -> None:
    """Break the socket under it: who waits on it gets an error."""
    import psycopg

    with (
        contextlib.suppress(psycopg.Error, OSError),  # it is closed already
        socket.socket(fileno=os.dup(connection.fileno())) as same,
    ):
        same.shutdown(socket.SHUT_RDWR)
