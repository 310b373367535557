"""The ledger of several machines, in PostgreSQL. While that can't be reached, rows wait in a file on this one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Any

from llmctl.errors import StoreFailed
from llmctl.gateway.accounts import comparison_row
from llmctl.gateway.judging import Comparison
from llmctl.gateway.postgres_keys import PostgresKeys
from llmctl.gateway.postgres_link import CONNECT_SECONDS, Link
from llmctl.gateway.spool import Spool, Spooled
from llmctl.store.keys import GatewayKey
from llmctl.store.ledger import Request

_PAUSE = 2.0
"""Seconds between two tries to reach a database that was lost."""
_BATCH = 500
_CLOSE_SECONDS = CONNECT_SECONDS + 2

_COLUMNS: dict[str, tuple[str, ...]] = {
    "requests": tuple(field.name for field in fields(Request) if field.name != "id"),
    "comparisons": ("time", "entry", "route", "request", "answers"),
}
_VALUES = attrgetter(*_COLUMNS["requests"])
_LARGEST = 2**63 - 1


class PostgresBook:
    """Writes requests down, each exactly once whatever happens in between.

    Rows go straight to the database. When that fails, they and all that follow go to a file, and a thread moves
    them over in their order once the database is back, also those that an earlier run left behind.
    """

    portion = 100

    def __init__(self, url: str, spool: Path, tell: Callable[[str], None], pause: float = _PAUSE) -> None:
        """`spool` is the folder of the file. Nothing is connected yet. Raises ConfigError, StoreFailed."""
        self._link = Link(url)
        self._spool = Spool(spool / "spool.db")
        self._tell = tell
        self._pause = pause
        self._changing = threading.Lock()
        self._mover: threading.Thread | None = None
        self._closing = threading.Event()
        if self._spool.first(1):
            self._start_moving()

    def add_all(self, requests: Sequence[Request]) -> None:
        """Raises StoreFailed only where the file can't be written either."""
        self._add("requests", [_VALUES(request) for request in requests])

    def add_comparisons(self, comparisons: Sequence[Comparison]) -> None:
        """As add_all."""
        self._add("comparisons", [comparison_row(comparison) for comparison in comparisons])

    def close(self) -> None:
        """What is in the file then is moved by the next run."""
        self._closing.set()
        mover = self._mover
        if mover is not None:
            mover.join(_CLOSE_SECONDS)
            self._link.cut()
            mover.join(_CLOSE_SECONDS)
        self._link.close()
        self._spool.close()

    def _add(self, kind: str, values: Sequence[Sequence[Any]]) -> None:
        rows = _rows(kind, values)
        with self._changing:
            if self._mover is not None:
                self._spool.add(rows)
                return
        try:
            _write(self._link, rows)
        except StoreFailed as error:
            self._spool.add(rows)
            self._tell(f"the ledger is kept in {self._spool.path} for now: {error.message}")
            self._start_moving()

    def _start_moving(self) -> None:
        self._mover = threading.Thread(target=self._move, name="spool", daemon=True)
        self._mover.start()

    def _move(self) -> None:
        """Until the file is empty."""
        while not self._moved():
            if self._closing.wait(self._pause):
                return
        self._tell("the ledger is in PostgreSQL again")

    def _moved(self) -> bool:
        """Whether all could be moved; from then on, rows go straight to the database."""
        try:
            while batch := self._spool.first(_BATCH):
                if self._closing.is_set():
                    return False
                _write(self._link, [row for _, row in batch])
                self._spool.remove([number for number, _ in batch])
            with self._changing:
                if self._spool.first(1):
                    return False
                self._mover = None
        except StoreFailed:
            return False
        return True


def spent_there(url: str, key: GatewayKey) -> float:
    """US dollars that a key cost on all machines in the period of its budget. Raises ConfigError, StoreFailed."""
    with contextlib.closing(PostgresKeys(url)) as keys:
        return keys.spent(key, time.time())[0]


def _write(link: Link, rows: Sequence[Spooled]) -> None:
    """Write rows down, all or none, but those that are there. Raises StoreFailed."""
    with link.transaction() as connection, connection.cursor() as cursor:
        for kind, names in _COLUMNS.items():
            values = [(row.uid, *map(_possible, row.values)) for row in rows if row.kind == kind]
            marks = ", ".join(["%s"] * (len(names) + 1))
            if values:
                cursor.executemany(
                    f"INSERT INTO llmctl.{kind} (uid, {', '.join(names)}) VALUES ({marks})"  # noqa: S608
                    " ON CONFLICT (uid) DO NOTHING",
                    values,
                )


def _rows(kind: str, values: Sequence[Sequence[Any]]) -> list[Spooled]:
    """With ids made of what they say, so that a row whose fate is unknown can be written once more.

    Rows of one call that say just the same are counted.
    """
    seen: Counter[bytes] = Counter()
    rows = []
    for row in values:
        text = json.dumps([kind, *row]).encode()
        seen[text] += 1
        uid = hashlib.sha256(b"%d %b" % (seen[text], text)).hexdigest()[:40]
        rows.append(Spooled(kind, uid, row))
    return rows


def _possible(value: Any) -> Any:
    """The value as PostgreSQL can hold it: no NUL, no half of a surrogate pair, no number of more than 64 bits."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    return None if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST else value
