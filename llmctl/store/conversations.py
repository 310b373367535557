"""Conversations: what they are called, who answers, and where they stand."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmctl.errors import UsageError
from llmctl.store.database import Database, Row, json_object
from llmctl.store.messages import FORGET_FILES

SHORTEST_ID = 6
LONGEST_TITLE = 60


@dataclass(frozen=True)
class Conversation:
    """`head` is the id of the last message of the branch in view; times in seconds since 1970."""

    id: str
    title: str = ""
    titled: bool = False
    profile: str = ""
    model: str = ""
    system: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    pinned: bool = False
    head: int | None = None
    created: float = 0.0
    updated: float = 0.0
    messages: int = 0


class Conversations:
    """All conversations. Those put away (`hide`) are found only by `restore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, profile: str = "", model: str = "", **more: Any) -> str:
        """A new one; its id. `more`: title, titled, system, params, pinned, created, updated."""
        now = time.time()
        values = {"profile": profile, "model": model, "created": now, "updated": now, **more}
        values = _columns({"id": secrets.token_hex(8), **values})
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        self._database.run(
            f"INSERT INTO conversations ({names}) VALUES ({marks})",  # noqa: S608 - names of columns
            list(values.values()),
        )
        return str(values["id"])

    def change(self, number: str, **values: Any) -> None:
        """Set title, titled, profile, model, system, params, pinned or head."""
        columns = _columns(values)
        sets = ", ".join(f"{name} = ?" for name in columns)
        self._database.run(
            f"UPDATE conversations SET {sets} WHERE id = ?",  # noqa: S608 - names of columns
            [*columns.values(), number],
        )

    def get(self, number: str) -> Conversation | None:
        """The conversation of this whole id."""
        row = self._database.row(f"{_SELECT} WHERE c.id = ?", (number,))
        return _conversation(row) if row else None

    def find(self, prefix: str) -> Conversation:
        """The one whose id begins so. Raises UsageError for none and for several."""
        wanted = prefix.strip().lower()
        if not re.fullmatch(r"[0-9a-f]{1,16}", wanted):
            raise UsageError(f"{prefix!r} is no id of a conversation", hint="see llmctl logs list")
        rows = self._database.rows(
            f"{_SELECT} WHERE c.deleted IS NULL AND c.id >= ? AND c.id < ? ORDER BY c.updated DESC LIMIT 6",
            (wanted, wanted + "g"),
        )
        if not rows:
            raise UsageError(f"there is no conversation {prefix}", hint="see llmctl logs list")
        if len(rows) > 1:
            known = ", ".join(row["id"][: len(wanted) + 4] for row in rows)
            raise UsageError(f"several conversations begin with {prefix}: {known}", hint="give more of the id")
        return _conversation(rows[0])

    def last(self, answered: bool = False) -> Conversation | None:
        """The one that was used last; with `answered`, the last in which something was answered."""
        among = " AND EXISTS (SELECT 1 FROM messages m WHERE m.conversation = c.id AND m.role = 'assistant')"
        row = self._database.row(
            f"{_SELECT} WHERE c.deleted IS NULL{among if answered else ''}"
            " ORDER BY c.updated DESC, c.rowid DESC LIMIT 1"
        )
        return _conversation(row) if row else None

    def newest(self, limit: int = 1000, offset: int = 0, pinned_first: bool = True) -> list[Conversation]:
        """The newest first; with `pinned_first` the pinned ones before them."""
        order = "c.pinned DESC, " if pinned_first else ""
        rows = self._database.rows(
            f"{_SELECT} WHERE c.deleted IS NULL ORDER BY {order}c.updated DESC, c.rowid DESC LIMIT ? OFFSET ?",
            (limit, offset),
        )
        return [_conversation(row) for row in rows]

    def matching(
        self, limit: int = -1, profile: str | None = None, model: str | None = None, since: float = 0.0
    ) -> list[Conversation]:
        """The newest first: those that this profile and model are of or answered in, used since then."""
        rows = self._database.rows(
            f"{_SELECT} WHERE c.deleted IS NULL AND c.updated >= ?"  # noqa: S608 - the query's own text
            " AND (? IS NULL OR c.profile = ? OR EXISTS"
            " (SELECT 1 FROM messages m WHERE m.conversation = c.id AND m.role = 'assistant' AND m.profile = ?))"
            " AND (? IS NULL OR c.model = ? OR EXISTS"
            " (SELECT 1 FROM messages m WHERE m.conversation = c.id AND m.role = 'assistant' AND m.model = ?))"
            " ORDER BY c.updated DESC, c.rowid DESC LIMIT ?",
            (since, profile, profile, profile, model, model, model, limit),
        )
        return [_conversation(row) for row in rows]

    def hide(self, number: str) -> None:
        """Put away, to be brought back or removed later."""
        self._database.run("UPDATE conversations SET deleted = ? WHERE id = ?", (time.time(), number))

    def restore(self, number: str) -> None:
        """Bring back what was put away."""
        self._database.run("UPDATE conversations SET deleted = NULL WHERE id = ?", (number,))

    def remove(self, number: str) -> None:
        """Remove for good, with its messages and the files that no other message has. Its costs stay counted."""
        with self._database.transaction():
            # A message removes what follows it, one level deeper each; SQLite allows 1000 levels.
            self._database.run("UPDATE messages SET parent = NULL WHERE conversation = ?", (number,))
            self._database.run("DELETE FROM conversations WHERE id = ?", (number,))
            self._database.run("DELETE FROM drafts WHERE conversation = ?", (number,))
            self._database.run(FORGET_FILES)

    def older_than(self, moment: float, pinned: bool = False) -> list[Conversation]:
        """Those not used since, the oldest first; pinned ones only if asked for."""
        rows = self._database.rows(
            f"{_SELECT} WHERE c.updated < ? AND c.pinned <= ? ORDER BY c.updated", (moment, int(pinned))
        )
        return [_conversation(row) for row in rows]

    def hidden_before(self, moment: float) -> list[str]:
        """The ids of those put away before this time."""
        rows = self._database.rows("SELECT id FROM conversations WHERE deleted < ?", (moment,))
        return [row["id"] for row in rows]

    def short_ids(self) -> dict[str, str]:
        """Whole id -> the shortest beginning, of at least SHORTEST_ID, that no other id has."""
        ids = [row["id"] for row in self._database.rows("SELECT id FROM conversations ORDER BY id")]
        short = {}
        for at, number in enumerate(ids):
            beside = [*ids[max(at - 1, 0) : at], *ids[at + 1 : at + 2]]
            common = max((_common(number, other) for other in beside), default=0)
            short[number] = number[: max(SHORTEST_ID, common + 1)]
        return short


def auto_title(question: str) -> str:
    """A title from the first question: its first line with words, at most LONGEST_TITLE characters."""
    lines = [line.strip(" \t#>*-`") for line in question.splitlines()]
    line = " ".join(next((line for line in lines if re.search(r"\w", line)), "").split())
    if len(line) <= LONGEST_TITLE:
        return line
    return line[: LONGEST_TITLE - 1].rsplit(" ", 1)[0].rstrip(",;:.") + "…"


_SELECT = (
    "SELECT c.*, (SELECT COUNT(*) FROM messages m WHERE m.conversation = c.id) AS messages FROM conversations c"
)


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as SQLite keeps them."""
    kept = {**values}
    if "params" in kept:
        kept["params"] = json.dumps(kept["params"], ensure_ascii=False)
    return kept


def _conversation(row: Row) -> Conversation:
    return Conversation(
        row["id"], row["title"], bool(row["titled"]), row["profile"], row["model"], row["system"],
        json_object(row["params"]), bool(row["pinned"]), row["head"], row["created"], row["updated"],
        row["messages"],
    )  # fmt: skip


def _common(first: str, second: str) -> int:
    return next((at for at, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]), len(first))
