"""Rows on their way to a database that can't be reached now: a small SQLite file, readable by nobody else."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmctl.errors import StoreFailed

_BUSY_SECONDS = 5.0
_TABLE = """CREATE TABLE IF NOT EXISTS rows (
  id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, uid TEXT NOT NULL, fields TEXT NOT NULL
)"""


@dataclass(frozen=True)
class Spooled:
    """A row of the table `kind`. `uid` is the same for a row that is written once more."""

    kind: str
    uid: str
    values: Sequence[Any]


class Spool:
    """The file, made when the first row comes. Threads and processes may share it. Raises StoreFailed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._free = threading.Lock()

    def add(self, rows: Sequence[Spooled]) -> None:
        """Keep rows, all or none."""
        with self._open() as connection:
            connection.executemany(
                "INSERT INTO rows (kind, uid, fields) VALUES (?, ?, ?)",
                [(row.kind, row.uid, json.dumps(row.values)) for row in rows],
            )

    def first(self, most: int) -> list[tuple[int, Spooled]]:
        """(number, row) of those that came first."""
        if not self.path.exists():
            return []
        with self._open() as connection:
            found = connection.execute("SELECT * FROM rows ORDER BY id LIMIT ?", (most,)).fetchall()
        return [(number, Spooled(kind, uid, json.loads(fields))) for number, kind, uid, fields in found]

    def remove(self, numbers: Sequence[int]) -> None:
        """They are where they belong."""
        with self._open() as connection:
            connection.executemany("DELETE FROM rows WHERE id = ?", [(number,) for number in numbers])

    def close(self) -> None:
        with self._free:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._free:
                if self._connection is None:
                    self._connection = _connect(self.path)
                with self._connection:
                    yield self._connection
        except (sqlite3.Error, OSError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise StoreFailed(f"{self.path} can't be used: {reason}") from error


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite would make it readable by others
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
    try:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(_TABLE)
    except BaseException:
        connection.close()
        raise
    return connection
