"""The ledger: every request, what it took and what it cost. Unknown is None, never zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

from llmctl.store.database import Database, Row

BY_PROVIDER, BY_PRICES, BY_GENAI, UNKNOWN, UNPRICED = "provider", "prices", "genai-prices", "unknown", ""
"""Who said what a request cost. UNPRICED: nobody has been asked yet."""


UNFINISHED = ("partial", "interrupted", "stream_broken")
"""Statuses of requests whose answer never came to its end; "partial" is still coming, or was killed."""


@dataclass(frozen=True)
class Request:
    """One request. `time` in seconds since 1970, `cost` in US dollars, `status` "ok" or an error's code.

    The gateway writes one for each attempt: `entry` is its id of the client's request, `route` and `why` say
    what chose the target.
    """

    time: float
    caller: str
    profile: str
    provider: str
    base_url: str
    model: str
    answered_by: str = ""
    status: str = "ok"
    http_status: int | None = None
    attempts: int = 1
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost: float | None = None
    cost_by: str = UNPRICED
    first_token_ms: float | None = None
    total_ms: float | None = None
    request_id: str = ""
    conversation: str | None = None
    message: int | None = None
    entry: str = ""
    route: str = ""
    why: str = ""
    id: int = 0

    @property
    def may_cost(self) -> bool:
        """Whether something may have been billed: an answer came, or began to."""
        begun = self.prompt_tokens is not None or self.first_token_ms is not None
        return begun or self.status in ("ok", *UNFINISHED)

    @property
    def tokens_per_second(self) -> float | None:
        """From the first token to the end."""
        if not self.completion_tokens or self.first_token_ms is None or self.total_ms is None:
            return None
        seconds = (self.total_ms - self.first_token_ms) / 1000
        return round(self.completion_tokens / seconds, 1) if seconds > 0 else None


_NAMES = tuple(field.name for field in fields(Request) if field.name != "id")
_VALUES = attrgetter(*_NAMES)
_INSERT = f"INSERT INTO requests ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608

GROUPS: Mapping[str, str] = {
    "day": "STRFTIME('%Y-%m-%d', time, 'unixepoch', 'localtime')",
    "profile": "profile",
    "model": "CASE WHEN model = '' THEN answered_by ELSE model END",
    "caller": "caller",
}
"""What usage can be grouped by."""

_MAY_COST = (
    "(prompt_tokens IS NOT NULL OR first_token_ms IS NOT NULL"
    " OR status IN ('ok', " + ", ".join(f"'{status}'" for status in UNFINISHED) + "))"
)
"""`Request.may_cost` in SQL."""


@dataclass(frozen=True)
class Total:
    """The requests of one group. Sums are of what is known; `unknown_…` counts the answers without."""

    group: str
    requests: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    unknown_tokens: int
    cost: float | None
    unknown_cost: int

    @property
    def tokens(self) -> int | None:
        """Prompt and answer together; None where nothing is known."""
        return (self.prompt_tokens + self.completion_tokens) or None


class Ledger:
    """All requests."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, request: Request) -> int:
        """Write a request down; its id."""
        return self._database.run(_INSERT, _VALUES(request))

    def add_all(self, requests: Sequence[Request]) -> None:
        """Write many requests down, all or none."""
        with self._database.transaction():
            self._database.run_all(_INSERT, [_VALUES(request) for request in requests])

    def write(self, number: int, request: Request) -> None:
        """Replace an entry."""
        sets = ", ".join(f"{name} = ?" for name in _NAMES)
        self._database.run(
            f"UPDATE requests SET {sets} WHERE id = ?",  # noqa: S608 - names of columns
            [*_VALUES(request), number],
        )

    def price(self, number: int, cost: float | None, cost_by: str) -> None:
        """Write down what a request cost, and who says so."""
        self._database.run("UPDATE requests SET cost = ?, cost_by = ? WHERE id = ?", (cost, cost_by, number))

    def move(self, message: int, to: int) -> None:
        """Requests of one message belong to another from now on."""
        self._database.run("UPDATE requests SET message = ? WHERE message = ?", (to, message))

    def recent_models(self, limit: int = 10) -> list[tuple[str, str]]:
        """(profile, model) as they were asked last, the newest first."""
        rows = self._database.rows(
            "SELECT profile, model, MAX(id) AS last FROM requests WHERE caller IN ('tui', 'chat', 'chat -i')"
            " AND model != '' GROUP BY profile, model ORDER BY last DESC LIMIT ?",
            (limit,),
        )
        return [(row["profile"], row["model"]) for row in rows]

    def unpriced(self, profile: str | None = None, limit: int = 5000) -> list[Request]:
        """Requests that nobody has looked up a price for."""
        where, values = ("AND profile = ?", (profile,)) if profile is not None else ("", ())
        rows = self._database.rows(
            f"SELECT * FROM requests WHERE cost_by = '' {where} ORDER BY id LIMIT ?",  # noqa: S608
            (*values, limit),
        )
        return [_request(row) for row in rows]

    def of_messages(self, messages: Sequence[int]) -> dict[int, Request]:
        """Message -> the request that it answers."""
        found = {}
        for start in range(0, len(messages), 500):
            part = messages[start : start + 500]
            for row in self._database.rows(
                f"SELECT * FROM requests WHERE message IN ({', '.join('?' * len(part))}) ORDER BY id",  # noqa: S608
                part,
            ):
                found[row["message"]] = _request(row)
        return found

    def of_conversation(self, conversation: str) -> list[Request]:
        """A conversation's requests, oldest first."""
        rows = self._database.rows("SELECT * FROM requests WHERE conversation = ? ORDER BY id", (conversation,))
        return [_request(row) for row in rows]

    def of_conversations(self, conversations: Sequence[str]) -> list[Request]:
        """The requests of all these conversations, oldest first in each."""
        found = []
        for start in range(0, len(conversations), 500):
            part = conversations[start : start + 500]
            marks = ", ".join("?" * len(part))
            found += self._database.rows(
                f"SELECT * FROM requests WHERE conversation IN ({marks}) ORDER BY id",  # noqa: S608 - marks only
                part,
            )
        return [_request(row) for row in found]

    def same(self, request: Request) -> list[Request]:
        """Entries of the same request: sent at the same time by the same caller to the same model."""
        names = ("time", "caller", "profile", "base_url", "model", "request_id")
        rows = self._database.rows(
            f"SELECT * FROM requests WHERE {' AND '.join(f'{name} = ?' for name in names)} ORDER BY id",  # noqa: S608
            [getattr(request, name) for name in names],
        )
        return [_request(row) for row in rows]

    def assign(self, number: int, conversation: str, message: int | None) -> None:
        """Say which conversation and message a request belongs to."""
        self._database.run(
            "UPDATE requests SET conversation = ?, message = ? WHERE id = ?", (conversation, message, number)
        )

    def forget(self, before: float, dry: bool = False) -> int:
        """Remove the requests before this time that belong to no conversation; how many. `dry` only counts."""
        where = "FROM requests WHERE time < ? AND conversation IS NULL"
        row = self._database.row(f"SELECT COUNT(*) AS count {where}", (before,))
        if not dry:
            self._database.run(f"DELETE {where}", (before,))
        return int(row["count"]) if row else 0

    def totals(self, by: str, since: float = 0.0, until: float = 1e12, **only: str) -> list[Total]:
        """Sums by day, profile, model or caller; `only`: profile=…, model=…, caller=…."""
        where = "".join(f" AND {GROUPS[name]} = ?" for name in only)
        return self._sums(GROUPS[by], f"time >= ? AND time < ?{where}", (since, until, *only.values()))

    def _sums(self, group: str, where: str, values: Sequence[object]) -> list[Total]:
        rows = self._database.rows(
            f"SELECT {group} AS name, COUNT(*) AS requests, SUM(status != 'ok') AS failed,"  # noqa: S608
            " SUM(prompt_tokens) AS prompt, SUM(completion_tokens) AS completion, SUM(cached_tokens) AS cached,"
            " SUM(reasoning_tokens) AS reasoning,"
            " SUM(status = 'ok' AND prompt_tokens IS NULL) AS blank, SUM(cost) AS cost,"
            f" SUM(cost IS NULL AND {_MAY_COST}) AS free"
            f" FROM requests WHERE {where} GROUP BY 1 ORDER BY 1",
            values,
        )
        return [_total(row) for row in rows]

    def spent(self, profile: str, since: float) -> tuple[float, int]:
        """(US dollars that a profile's requests cost since then, the number of answers whose cost is unknown)."""
        found = self.totals("profile", since, profile=profile)
        return (found[0].cost or 0.0, found[0].unknown_cost) if found else (0.0, 0)


def _request(row: Row) -> Request:
    return Request(**{name: row[name] for name in (*_NAMES, "id")})


def _total(row: Row) -> Total:
    prompt, completion, cached, reasoning, blank, free = (
        row[name] or 0 for name in ("prompt", "completion", "cached", "reasoning", "blank", "free")
    )
    name, requests, failed, cost = (row[key] for key in ("name", "requests", "failed", "cost"))
    return Total(str(name), requests, failed, prompt, completion, cached, reasoning, blank, cost, free)
