"""The gateway's own keys: made, listed, revoked. What a client must show is known as a hash only."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import string
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from llmctl.core.suggest import did_you_mean
from llmctl.errors import StoreFailed, UsageError
from llmctl.store.database import Database, Row
from llmctl.store.ledger import Ledger

PREFIX = "sk-llmctl-"
ID_LENGTH, SECRET_LENGTH = 8, 40
PERIODS = ("total", "month", "day")
"""What a budget is for: the whole life of a key, or a month or day of UTC."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LETTERS = string.ascii_letters + string.digits
_ID_LETTERS = string.ascii_lowercase + string.digits
_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class GatewayKey:
    """A key without its secret part. Times in seconds since 1970, `budget_usd` in US dollars; None is no limit."""

    name: str
    id: str = ""
    hash: str = field(default="", repr=False)
    """sha256 of the whole key, in hex."""
    models: tuple[str, ...] = ()
    """Patterns with * of the models that it may ask; () is all."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    budget_usd: float | None = None
    budget_period: str = "total"
    admin: bool = False
    """Whether it may see the dashboard and everybody's traffic, and end requests."""
    created: float = 0.0
    expires: float | None = None
    revoked: float | None = None

    @property
    def caller(self) -> str:
        """Who asked, in the ledger."""
        return f"serve:{self.name}"

    @property
    def limited(self) -> bool:
        """Whether anything of what it uses is counted."""
        return self.tokens_per_minute is not None or self.budget_usd is not None

    def state(self, now: float) -> str:
        """active, expired or revoked."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "active"


Keys = list[GatewayKey]

_NAMES = tuple(f.name for f in fields(GatewayKey))
_INSERT = f"INSERT INTO gateway_keys ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608


class GatewayKeys:
    """The keys of a store. Every method raises StoreFailed where it can't be read or written."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, wanted: GatewayKey) -> tuple[GatewayKey, str]:
        """Make a key with this name and these limits: its record, and the key itself, which nobody can read again.

        A revoked key's name is free again. Raises UsageError for a name that is taken, and for wrong values.
        """
        key, secret = make_key(wanted)
        name = key.name
        with self._database.transaction():
            if any(other.name == name for other in self.list()):
                raise UsageError(
                    f"there is a key {name!r} already", hint=f"llmctl serve key revoke {name} ends it"
                )
            self._database.run("DELETE FROM gateway_keys WHERE name = ?", (name,))
            self._insert(key)
        return key, secret

    def list(self) -> Keys:
        """Those that are not revoked, by name. Some may have expired."""
        return [key for key in self.all() if key.revoked is None]

    def all(self) -> Keys:
        """Also those that are revoked."""
        return [_key(row) for row in self._database.rows("SELECT * FROM gateway_keys ORDER BY name")]

    def revoke(self, name_or_id: str) -> GatewayKey:
        """End a key; one that is revoked already stays as it is. Raises UsageError if there is none."""
        with self._database.transaction():
            key = find_key(self.all(), name_or_id)
            if key.revoked is None:
                key = replace(key, revoked=time.time())
                self._database.run("UPDATE gateway_keys SET revoked = ? WHERE id = ?", (key.revoked, key.id))
        return key

    def _insert(self, key: GatewayKey) -> None:
        values = {**{name: getattr(key, name) for name in _NAMES}, "models": json.dumps(key.models)}
        self._database.run(_INSERT, [values[name] for name in _NAMES])


def make_key(wanted: GatewayKey) -> tuple[GatewayKey, str]:
    """A new key with the name and limits that are wanted: its record, and the key itself. Raises UsageError."""
    _check(wanted)
    number = _random(_ID_LETTERS, ID_LENGTH)
    secret = f"{PREFIX}{number}-{_random(_LETTERS, SECRET_LENGTH)}"
    return replace(wanted, id=number, hash=hash_of(secret.encode()), created=time.time()), secret


def hash_of(secret: bytes) -> str:
    """What is kept of a key. One fast round is enough: 238 random bits can't be tried out, as passwords can."""
    return hashlib.sha256(secret).hexdigest()


def find_key(keys: Sequence[GatewayKey], name_or_id: str) -> GatewayKey:
    """The key of that name or id, or the whole key as somebody found it. Raises UsageError."""
    whole = name_or_id.startswith(PREFIX)
    number = name_or_id[len(PREFIX) :][:ID_LENGTH] if whole else name_or_id
    found = [key for key in keys if key.name == name_or_id] or [key for key in keys if key.id == number]
    if found:
        return found[0]
    hint = None if whole else did_you_mean(name_or_id, [key.name for key in keys if key.revoked is None])
    raise UsageError(
        f"there is no key {'like this' if whole else repr(name_or_id)}", hint=hint or "see: llmctl serve key list"
    )


def period_name(period: str, now: float) -> str:
    """The period that `now` is in: "2026-11-21", "2026-11", or "total"."""
    return "total" if period == "total" else _period_of(period, int(now // 86400))


@lru_cache(maxsize=8)
def _period_of(period: str, day: int) -> str:
    """Asked several times for each request of a key with a budget. `day`: days since 1970."""
    name = datetime.fromtimestamp(day * 86400, UTC).date().isoformat()
    return name if period == "day" else name[:7]


def period_start(period: str, now: float) -> float:
    """When the period began, in seconds since 1970."""
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "total":
        return 0.0
    return (today.replace(day=1) if period == "month" else today).timestamp()


def spent(ledger: Ledger, key: GatewayKey, now: float) -> tuple[float, int]:
    """(US dollars that the key cost in the period of its budget, the number of answers whose cost is unknown).

    What an older key of the same name has spent does not count.
    """
    since = max(period_start(key.budget_period, now), key.created)
    found = ledger.totals("caller", since, caller=key.caller)
    return (found[0].cost or 0.0, found[0].unknown_cost) if found else (0.0, 0)


def _check(wanted: GatewayKey) -> None:
    if not _NAME.fullmatch(wanted.name):
        raise UsageError(
            "a key's name is up to 64 letters, digits, dots, _ and -, and begins with a letter or digit",
            hint="for example: llmctl serve key add ci",
        )
    for model in wanted.models:
        if not model.strip() or not model.isprintable():
            raise UsageError(f"{model!r} is no pattern of models", hint='for example: "groq/*"')
    for limit, what in ((wanted.requests_per_minute, "requests"), (wanted.tokens_per_minute, "tokens")):
        if limit is not None and not 1 <= limit <= _LARGEST:
            raise UsageError(f"the {what} a minute must be a whole number above 0, not {limit}")
    if wanted.budget_usd is not None and not 0 < wanted.budget_usd < 1e12:
        raise UsageError(f"a budget must be US dollars above 0, not {wanted.budget_usd:g}")
    if wanted.budget_period not in PERIODS:
        raise UsageError(f"a budget is for a day, a month or in total, not {wanted.budget_period!r}")


def _random(letters: str, length: int) -> str:
    return "".join(secrets.choice(letters) for _ in range(length))


def _key(row: Row) -> GatewayKey:
    values: dict[str, Any] = {name: row[name] for name in _NAMES}
    try:
        models = json.loads(values["models"])
    except ValueError as error:
        raise StoreFailed(f"the history is damaged: the models of the key {values['name']!r}") from error
    return GatewayKey(**{**values, "models": tuple(models), "admin": bool(values["admin"])})
