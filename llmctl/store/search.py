"""Full-text search over everything that was said."""

from __future__ import annotations

import re
from dataclasses import dataclass

from llmctl.store.database import Database, Row

START, END = "\x02", "\x03"
"""Stand around each word that was found, in `Hit.snippet`."""

_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
"""Scripts that write without spaces, where looking for whole words finds nothing."""


@dataclass(frozen=True)
class Hit:
    """A message that holds what was looked for. `created` in seconds since 1970."""

    message: int
    conversation: str
    title: str
    role: str
    profile: str
    model: str
    created: float
    snippet: str


class Search:
    """Finds messages: all words must occur, the last one may be unfinished; "quoted words" stay together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, query: str, limit: int = 50) -> list[Hit]:
        """The best hits first."""
        query = query.replace("\0", " ")
        phrases = _phrases(query)
        if not phrases:
            return []
        if _UNSPACED.search(query) or not all(re.search(r"\w", phrase) for phrase in phrases):
            return self._plain(phrases, limit)
        rows = self._database.rows(
            f"SELECT {_COLUMNS}, SNIPPET(search, 0, ?, ?, '…', 24) AS snippet FROM search"  # noqa: S608
            f" JOIN messages m ON m.id = search.rowid {_JOIN} AND search MATCH ? ORDER BY rank, m.id DESC LIMIT ?",
            (START, END, _expression(query, phrases), limit),
        )
        return [_hit(row, row["snippet"]) for row in rows]

    def _plain(self, phrases: list[str], limit: int) -> list[Hit]:
        """By plain comparison."""
        found = " AND INSTR(LOWER(m.text), LOWER(?))" * len(phrases)
        rows = self._database.rows(
            f"SELECT {_COLUMNS}, m.text FROM messages m {_JOIN}{found} ORDER BY m.id DESC LIMIT ?",  # noqa: S608
            (*phrases, limit),
        )
        return [_hit(row, _cut(row["text"], phrases[0])) for row in rows]


_FIELDS = ("message", "conversation", "title", "role", "profile", "model", "created")
_COLUMNS = "m.id AS message, m.conversation, c.title, m.role, m.profile, m.model, m.created"
_JOIN = "JOIN conversations c ON c.id = m.conversation WHERE c.deleted IS NULL"


def _hit(row: Row, snippet: str) -> Hit:
    return Hit(**{name: row[name] for name in _FIELDS}, snippet=snippet)


def _phrases(query: str) -> list[str]:
    """The words, and what stands in quotes."""
    return [found for pair in re.findall(r'"([^"]*)"|([^\s"]+)', query) if (found := (pair[0] or pair[1]).strip())]


def _expression(query: str, phrases: list[str]) -> str:
    """What FTS5 understands. Every word is quoted, so that nothing the user types is its syntax."""
    quoted = [f'"{phrase}"' for phrase in phrases]
    if not query.rstrip().endswith('"'):
        quoted[-1] += "*"
    return " ".join(quoted)


def _cut(text: str, found: str) -> str:
    place = re.search(re.escape(found), text, re.IGNORECASE)
    at, end = place.span() if place else (0, 0)
    start = max(at - 60, 0)
    before, after = "…" if start else "", "…" if len(text) > end + 60 else ""
    return f"{before}{text[start:at]}{START}{text[at:end]}{END}{text[end : end + 60]}{after}"
