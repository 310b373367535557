"""The cache in a SQLite file, which the worker processes of one machine share."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

from llmctl.config.files import locked
from llmctl.errors import ConfigError
from llmctl.gateway.cache import Cached, Teller, pack, unpack

_VERSION = 1
_READ_PATIENCE, _WRITE_PATIENCE = 0.02, 2.0
"""Seconds. A read holds the event loop up, a write has a thread of its own."""
_AGE_CHECK_SECONDS = 60.0
_ROW_BYTES = 200
"""What an entry takes beside its value, roughly."""

# The sum is kept by triggers, so that it is right whichever process writes, and costs nothing to read.
_SCHEMA = (
    "DROP TABLE IF EXISTS answers",
    "DROP TABLE IF EXISTS total",
    "CREATE TABLE answers (key TEXT PRIMARY KEY, stored REAL NOT NULL, used REAL NOT NULL,"
    " size INTEGER NOT NULL, value BLOB NOT NULL)",
    "CREATE INDEX answers_used ON answers (used, size)",
    "CREATE INDEX answers_stored ON answers (stored)",
    "CREATE TABLE total (bytes INTEGER NOT NULL)",
    "INSERT INTO total VALUES (0)",
    "CREATE TRIGGER added AFTER INSERT ON answers BEGIN UPDATE total SET bytes = bytes + new.size; END",
    "CREATE TRIGGER removed AFTER DELETE ON answers BEGIN UPDATE total SET bytes = bytes - old.size; END",
    f"PRAGMA user_version = {_VERSION}",
)
_T = TypeVar("_T")


class SqliteCache:
    """Reads on the event loop, which takes tens of microseconds; writes in a thread of its own.

    Above `max_bytes` the least recently used answers go; those older than `max_age` seconds, if given, too.
    `tell` gets a line for people, maybe in that thread.
    """

    def __init__(
        self,
        path: Path,
        max_bytes: int,
        max_age: float | None = None,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._path, self._max_bytes, self._max_age = path, max_bytes, max_age
        self._tell = tell
        self._teller = Teller(tell, f"the cache {path} can be used again")
        self._reader: _Opened | None = None
        self._writer: _Opened | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="llmctl-cache")
        self._used: dict[str, float] = {}  # when keys were last read; written with the next answer
        self._next_age_check = 0.0
        self._closed = False

    async def get(self, key: str, max_age: float) -> Cached | None:
        """The answer, if there is one younger than `max_age` seconds."""
        if self._closed:
            return None
        try:
            row = self._read_connection().execute("SELECT value FROM answers WHERE key = ?", (key,)).fetchone()
        except (sqlite3.Error, OSError, ConfigError) as error:
            await self._read_failed(error)
            return None
        answer = unpack(row[0]) if row else None
        now = time.time()
        if answer is None or now - answer.stored >= max_age:
            return None
        self._used[key] = now
        return answer

    async def put(self, key: str, answer: Cached) -> None:
        """Keep the answer, unless it alone is above the limit."""
        if not self._closed:
            used, self._used = self._used, {}
            await self._in_thread(lambda: self._guarded(lambda: self._write(key, answer, used)))

    async def close(self) -> None:
        """Note what was used, and give the file back."""
        if self._closed:
            return
        self._closed = True
        _close(self._reader)
        used, self._used = self._used, {}
        await self._in_thread(lambda: self._close_writer(used))
        self._thread.shutdown(wait=False)

    async def _in_thread(self, job: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    # On the event loop

    def _read_connection(self) -> sqlite3.Connection:
        reader, writer = self._reader, self._writer
        if reader and writer and reader.mark != writer.mark:  # the file was replaced
            _close(reader)
            reader = self._reader = None
        if reader is None:
            with locked(self._path):
                reader = self._reader = _open(self._path, _READ_PATIENCE)
        return reader.connection

    async def _read_failed(self, error: Exception) -> None:
        mark = self._reader.mark if self._reader else 0
        _close(self._reader)
        self._reader = None
        if _is_damage(error):
            await self._in_thread(lambda: self._guarded(lambda: self._renew(mark)))
        elif not _name(error).startswith("SQLITE_BUSY"):
            self._teller.problem(_line(self._path, error))

    # In the thread

    def _guarded(self, job: Callable[[], None]) -> None:
        """Run a job on the file; a damaged one is replaced, and the job run again."""
        try:
            try:
                job()
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                self._renew(self._writer.mark if self._writer else 0)
                job()
        except (sqlite3.Error, OSError, ConfigError) as error:
            self._drop_writer()
            self._teller.problem(_line(self._path, error))
        else:
            self._teller.fine()

    def _renew(self, mark: int) -> None:
        """Replace the file, if it can't be opened or has this mark. Else another process has just done it."""
        self._drop_writer()
        with locked(self._path):
            try:
                self._writer = _open(self._path, _WRITE_PATIENCE)
                if self._writer.mark != mark:
                    return
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
            self._drop_writer()
            for end in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + end).unlink(missing_ok=True)
            self._tell(f"the cache {self._path} was damaged; a new one has begun")
            self._writer = _open(self._path, _WRITE_PATIENCE)

    def _write_connection(self) -> sqlite3.Connection:
        if self._writer and self._writer.inode != _inode(self._path):  # removed or replaced under our hands
            self._drop_writer()
        if self._writer is None:
            with locked(self._path):  # not while another process replaces it
                self._writer = _open(self._path, _WRITE_PATIENCE)
        return self._writer.connection

    def _drop_writer(self) -> None:
        writer, self._writer = self._writer, None
        _close(writer)

    def _write(self, key: str, answer: Cached, used: Mapping[str, float]) -> None:
        value = pack(answer)
        size = len(value) + _ROW_BYTES
        if size > self._max_bytes:
            return
        writer, now = self._write_connection(), time.time()
        with _transaction(writer):
            _note_used(writer, used)
            writer.execute("DELETE FROM answers WHERE key = ?", (key,))
            writer.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?)", (key, answer.stored, now, size, value))
            if self._max_age is not None and now >= self._next_age_check:
                self._next_age_check = now + _AGE_CHECK_SECONDS
                writer.execute("DELETE FROM answers WHERE stored < ?", (now - self._max_age,))
            _make_room(writer, self._max_bytes)

    def _close_writer(self, used: Mapping[str, float]) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._writer and used:
                with _transaction(self._writer.connection):
                    _note_used(self._writer.connection, used)
        self._drop_writer()


class _Opened(NamedTuple):
    connection: sqlite3.Connection
    mark: int
    """A random number in the file, which tells it from those that stood in its place; inodes are used again."""
    inode: int


def _open(path: Path, patience: float) -> _Opened:
    """The file, made where it is missing or another version's."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # SQLite would make it readable by others. One that is there stays untouched: closing it would give up the
    # locks that this process has on it.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with contextlib.suppress(OSError):  # it is somebody else's
        path.chmod(0o600)
    connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # It may be lost: a power cut costs the cache, no request waits for the disk.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_size_limit = 16000000")
        if _version(connection) != _VERSION:
            with _transaction(connection):
                if _version(connection) != _VERSION:  # another process may just have done it
                    for statement in _SCHEMA:
                        connection.execute(statement)
                    connection.execute(f"PRAGMA application_id = {1 + secrets.randbelow(2**31 - 1)}")
        mark = int(connection.execute("PRAGMA application_id").fetchone()[0])
        return _Opened(connection, mark, _inode(path))
    except BaseException:
        connection.close()
        raise


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # a full disk has rolled it back already
            connection.execute("ROLLBACK")
        raise


def _note_used(writer: sqlite3.Connection, used: Mapping[str, float]) -> None:
    """Done together with the next write: else each read would be one."""
    writer.executemany("UPDATE answers SET used = ? WHERE key = ?", [(at, key) for key, at in used.items()])


def _make_room(writer: sqlite3.Connection, max_bytes: int) -> None:
    """Remove what was not used for the longest time, until the rest fits."""
    over = writer.execute("SELECT bytes FROM total").fetchone()[0] - max_bytes
    while over > 0:
        oldest = writer.execute("SELECT rowid, size FROM answers ORDER BY used LIMIT 50").fetchall()
        if not oldest:
            return
        for rowid, size in oldest:
            writer.execute("DELETE FROM answers WHERE rowid = ?", (rowid,))
            over -= size
            if over <= 0:
                return


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def _close(opened: _Opened | None) -> None:
    if opened:
        with contextlib.suppress(sqlite3.Error):
            opened.connection.close()


def _is_damage(error: Exception) -> bool:
    return _name(error).startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def _name(error: Exception) -> str:
    return str(getattr(error, "sqlite_errorname", ""))


def _line(path: Path, error: Exception) -> str:
    reason = error.message if isinstance(error, ConfigError) else getattr(error, "strerror", None) or str(error)
    return f"the cache {path} can't be used ({reason}); answers come from the providers"
