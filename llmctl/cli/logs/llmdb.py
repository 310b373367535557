"""The logs.db of Simon Willison's llm: an SQLite file with the tables conversations and responses."""

from __future__ import annotations

import contextlib
import hashlib
import re
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llmctl.cli.logs.record import Record
from llmctl.core.media import Attachment
from llmctl.errors import UsageError
from llmctl.store.conversations import auto_title
from llmctl.store.ledger import Request
from llmctl.store.messages import Message

HEADER = b"SQLite format 3\0"
CALLER = "llm"
_NEEDED = {"conversations": ("id",), "responses": ("prompt", "response", "conversation_id")}
_TAKEN = ("id", "model", "prompt", "system", "response", "conversation_id", "duration_ms", "datetime_utc",
          "input_tokens", "output_tokens")  # fmt: skip

Row = dict[str, Any]


def read_llm(path: Path) -> list[Record]:
    """Its conversations. Raises UsageError for a file that is something else, or of an unknown version."""
    with _opened(path) as database:
        _check(database, path)
        names = {row["id"]: row for row in _rows(database, "conversations", ("id", "name", "model"))}
        talks: dict[str, list[Row]] = {}
        for at, row in enumerate(_rows(database, "responses", _TAKEN)):
            # A response without a conversation is one by itself.
            talks.setdefault(str(row["conversation_id"] or row["id"] or f"response {at + 1}"), []).append(row)
    return [_record(number, rows, names.get(number, {})) for number, rows in talks.items()]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            database.text_factory = lambda data: data.decode("utf-8", "replace")
            yield database
    except sqlite3.Error as error:
        raise UsageError(f"can't read {path}: {error}") from error


def _check(database: sqlite3.Connection, path: Path) -> None:
    """Raises UsageError."""
    if _columns(database, "messages") and not _columns(database, "responses"):
        raise UsageError(
            f"{path} is a history of llmctl itself",
            hint="LLMCTL_DATA=its folder llmctl logs export --everything -F jsonl -o FILE, then import FILE",
        )
    for table, needed in _NEEDED.items():
        missing = set(needed) - _columns(database, table)
        if missing == set(needed):
            raise UsageError(f"{path} is an SQLite file, but no logs.db of llm: it has no table {table}")
        if missing:
            raise UsageError(
                f"{path} is of a version of llm that is not known: {table} has no {', '.join(sorted(missing))}"
            )


def _columns(database: sqlite3.Connection, table: str) -> set[str]:
    return {row["name"] for row in database.execute("SELECT name FROM pragma_table_info(?)", (table,))}


def _rows(database: sqlite3.Connection, table: str, wanted: Sequence[str]) -> list[Row]:
    """The rows in the order in which they came; a column that is not there is None."""
    there = [name for name in wanted if name in _columns(database, table)]
    query = f"SELECT {', '.join(there)} FROM {table} ORDER BY rowid"  # noqa: S608 - names of ours
    return [dict.fromkeys(wanted) | dict(row) for row in database.execute(query)]


def _record(number: str, rows: list[Row], conversation: Row) -> Record:
    rows = sorted(rows, key=lambda row: _seconds(row["datetime_utc"]))  # those of one moment stay in order
    messages: list[tuple[Message, Sequence[Attachment]]] = []
    requests = []
    for row in rows:
        asked, model = _seconds(row["datetime_utc"]), _text(row["model"])
        last = len(messages)
        messages.append(
            (Message("user", _text(row["prompt"]), created=asked, id=last + 1, parent=last or None), ())
        )
        answer = Message(
            "assistant", _text(row["response"]), model=model, created=asked, id=last + 2, parent=last + 1
        )
        messages.append((answer, ()))
        requests.append(_request(row, asked, model, last + 2))
    title = _text(conversation.get("name")).strip() or _text(rows[0]["prompt"])
    settings = {
        "title": auto_title(title),
        "model": _text(rows[-1]["model"]) or _text(conversation.get("model")),
        "system": next((_text(row["system"]) for row in rows if row["system"]), ""),
        "created": messages[0][0].created,
        "updated": messages[-1][0].created,
    }
    return Record(
        hashlib.sha256(f"llm {number}".encode()).hexdigest()[:16], settings, len(messages), messages, requests
    )


def _request(row: Row, asked: float, model: str, message: int) -> Request:
    return Request(
        asked, CALLER, "", "", "", model,
        prompt_tokens=_count(row["input_tokens"]), completion_tokens=_count(row["output_tokens"]),
        total_ms=_count(row["duration_ms"]), request_id=_text(row["id"]), message=message,
    )  # fmt: skip


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _seconds(value: Any) -> float:
    """llm writes the time in UTC, mostly without saying so. One that is no time is the first second of 1970."""
    text = re.sub(r"\s*Z$", "+00:00", _text(value).strip())
    try:
        when = datetime.fromisoformat(text)
        return max((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp(), 1.0)
    except (ValueError, OverflowError):
        return 1.0
