"""The SQLite file: opened 0600, brought up to date, written by several processes at once.

Every failure of SQLite or the disk is raised as StoreFailed, which says which file and why.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from llmctl.errors import StoreFailed
from llmctl.store.schema import MIGRATIONS, VERSION

BUSY_SECONDS = 15.0
"""How long a write waits for those of other processes."""

Row = sqlite3.Row


class Database:
    """One connection. It may pass between threads, but only one may use it at a time."""

    def __init__(self, path: Path | None, readonly: bool = False, patience: float = BUSY_SECONDS) -> None:
        """Open the file, made where it is missing; without a path, one in memory. Raises StoreFailed.

        `patience` is how many seconds a write waits for those of other processes.
        """
        self.path = path
        self._patience = patience
        with self._told():
            self._connection = _connect(path, readonly, patience)
            try:
                self._prepare(readonly)
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Give the file back."""
        with self._told():
            self._connection.close()

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query. Raises StoreFailed."""
        with self._told():
            return self._execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, if there is one."""
        with self._told():
            found: Row | None = self._execute(sql, values).fetchone()
            return found

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """One statement that writes; the id of the row that it inserted."""
        with self._told():
            return self._execute(sql, values).lastrowid or 0

    def run_all(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """One statement that writes, once for each row."""
        with self._told():
            try:
                self._connection.executemany(sql, rows)
            except (UnicodeEncodeError, OverflowError):
                for row in rows:
                    self._execute(sql, row)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read inside is as it was at the beginning, whatever others write meanwhile."""
        if self._connection.in_transaction:
            yield
            return
        with self._told():
            self._connection.execute("BEGIN")
        try:
            yield
        finally:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("COMMIT")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Inside another one it is a part of that."""
        if self._connection.in_transaction:
            yield
            return
        with self._told():
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            with self._told():
                self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # a full disk has rolled it back already
                self._connection.execute("ROLLBACK")
            raise

    def _execute(self, sql: str, values: Sequence[Any]) -> sqlite3.Cursor:
        try:
            return self._connection.execute(sql, values)
        except (UnicodeEncodeError, OverflowError):  # providers send what no text and no count can be
            return self._connection.execute(sql, [_possible(value) for value in values])

    def _prepare(self, readonly: bool) -> None:
        connection = self._connection
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        if not readonly:
            with contextlib.suppress(sqlite3.OperationalError):  # another process is just doing it
                connection.execute("PRAGMA journal_mode = WAL")
            # NORMAL survives kill -9; a power cut takes the last moments.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA secure_delete = ON")  # what is removed can't be read out of the file
        version = _version(connection)
        if version < VERSION and not readonly:
            self._migrate()
        elif version != VERSION:
            raise StoreFailed(
                f"{self.path} was written by {'a newer' if version > VERSION else 'an older'} llmctl",
                hint="update llmctl"
                if version > VERSION
                else "make its folder writable, so that it can be updated",
            )

    def _migrate(self) -> None:
        """Run what is missing. Processes that start at once wait for each other, and look again."""
        with self.transaction():
            for number in range(_version(self._connection), VERSION):
                for statement in _statements(MIGRATIONS[number]):
                    self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version = {VERSION}")

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise _failure(error, self.path, self._patience) from error


def _connect(path: Path | None, readonly: bool, patience: float) -> sqlite3.Connection:
    name = ":memory:" if path is None else path.absolute().as_uri()
    if path and path.exists() and not path.is_file():
        raise StoreFailed(f"the history {path} can't be used: it is no regular file")
    if path and readonly:  # a folder that can't be written has no place for the files of WAL
        name += "?mode=ro&immutable=1"
    elif path:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_private(path)
        with contextlib.suppress(OSError):  # it is somebody else's
            path.chmod(0o600)  # it may have been copied here
    # Transactions begin where the code says so (isolation_level None).
    return sqlite3.connect(
        name, uri=path is not None, timeout=patience, isolation_level=None, check_same_thread=False
    )


def _make_private(path: Path) -> None:
    """Make the file, as SQLite would make it readable by others. One that is there is not opened:
    closing it would take away the locks that this process holds on it."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)) from None


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one: `executescript` would commit in between."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _possible(value: Any) -> Any:
    """The value as SQLite can hold it: half a surrogate pair is no text, and 65 bits are no number."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return None if isinstance(value, int) and not -(2**63) <= value < 2**63 else value


def _failure(error: sqlite3.Error | OSError, path: Path | None, patience: float) -> StoreFailed:
    """The failure in words a user can act on."""
    reason = getattr(error, "strerror", None) or str(error)
    name = getattr(error, "sqlite_errorname", "")
    hint = None
    if name in ("SQLITE_CORRUPT", "SQLITE_NOTADB") or name.startswith("SQLITE_CORRUPT"):
        reason, hint = (
            "the file is damaged",
            f"move it away, and a new one begins: mv {quote(str(path))} {quote(f'{path}.damaged')}",
        )
    elif name == "SQLITE_FULL":
        reason, hint = "the disk is full", "make room; until then nothing is kept"
    elif name.startswith("SQLITE_BUSY"):
        reason = f"another program has held it for {patience:g} s"
    elif is_unwritable(error):
        hint = "LLMCTL_DATA names another folder; --no-log keeps nothing"
    return StoreFailed(f"the history {path} can't be used: {reason}", hint=hint)


def is_unwritable(error: BaseException | None) -> bool:
    """Whether the file or its folder can't be written, which need not keep anybody from reading it."""
    name = getattr(error, "sqlite_errorname", "")
    return isinstance(error, OSError) or name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN"))


def json_object(text: str) -> dict[str, Any]:
    """What a column of JSON holds. Raises StoreFailed for anything but an object."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise StoreFailed(f"the history is damaged: {text[:40]!r} is no JSON") from error
    if not isinstance(value, dict):
        raise StoreFailed(f"the history is damaged: {text[:40]!r} is no JSON object")
    return value
