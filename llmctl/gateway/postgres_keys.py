"""The gateway's keys where several machines share them: in PostgreSQL, with what they have spent."""

from __future__ import annotations

import json
import time
from dataclasses import fields, replace
from typing import Any

from llmctl.errors import StoreFailed, UsageError
from llmctl.gateway.postgres_link import Link
from llmctl.store.keys import GatewayKey, Keys, find_key, make_key, period_start
from llmctl.store.ledger import UNFINISHED

_NAMES = tuple(field.name for field in fields(GatewayKey))
_SELECT = f"SELECT {', '.join(_NAMES)} FROM llmctl.gateway_keys ORDER BY name"  # noqa: S608 - names of columns
_INSERT = (
    f"INSERT INTO llmctl.gateway_keys ({', '.join(_NAMES)})"  # noqa: S608 - as above
    f" VALUES ({', '.join(['%s'] * len(_NAMES))})"
)
_LOCK = "LOCK TABLE llmctl.gateway_keys IN SHARE ROW EXCLUSIVE MODE"
_SPENT = (
    "SELECT SUM(cost), COUNT(*) FILTER (WHERE cost IS NULL AND"
    " (prompt_tokens IS NOT NULL OR first_token_ms IS NOT NULL OR status = ANY(%s)))"
    " FROM llmctl.requests WHERE caller = %s AND time >= %s"
)


class PostgresKeys:
    """As store.keys.GatewayKeys; every method may also wait for the network, and raises StoreFailed then."""

    blocks = True

    def __init__(self, url: str) -> None:
        """Nothing is connected yet. Raises ConfigError."""
        self._link = Link(url)

    def add(self, wanted: GatewayKey) -> tuple[GatewayKey, str]:
        """Make a key: its record, and the key itself. Raises UsageError, as GatewayKeys.add."""
        key, secret = make_key(wanted)
        name = key.name
        values: dict[str, Any] = {part: getattr(key, part) for part in _NAMES}
        values["models"] = json.dumps(key.models)
        with self._link.transaction() as connection:
            connection.execute(_LOCK)
            if any(other.name == name and other.revoked is None for other in _keys(connection)):
                raise UsageError(
                    f"there is a key {name!r} already", hint=f"llmctl serve key revoke {name} ends it"
                )
            connection.execute("DELETE FROM llmctl.gateway_keys WHERE name = %s", (name,))
            connection.execute(_INSERT, [values[part] for part in _NAMES])
        return key, secret

    def list(self) -> Keys:
        """Those that are not revoked, by name. Some may have expired."""
        return [key for key in self.all() if key.revoked is None]

    def all(self) -> Keys:
        """Also those that are revoked."""
        with self._link.transaction() as connection:
            return _keys(connection)

    def revoke(self, name_or_id: str) -> GatewayKey:
        """End a key; one that is revoked already stays as it is. Raises UsageError if there is none."""
        with self._link.transaction() as connection:
            connection.execute(_LOCK)
            key = find_key(_keys(connection), name_or_id)
            if key.revoked is None:
                key = replace(key, revoked=time.time())
                connection.execute(
                    "UPDATE llmctl.gateway_keys SET revoked = %s WHERE id = %s", (key.revoked, key.id)
                )
        return key

    def spent(self, key: GatewayKey, now: float) -> tuple[float, int]:
        """(US dollars that the key cost in the period of its budget, the number of answers whose cost is unknown).

        On all machines, as far as they have written it down.
        """
        since = max(period_start(key.budget_period, now), key.created)
        with self._link.transaction() as connection:
            row = connection.execute(_SPENT, (["ok", *UNFINISHED], key.caller, since)).fetchone()
        assert row is not None
        return float(row[0] or 0.0), int(row[1])

    def close(self) -> None:
        self._link.close()


def _keys(connection: Any) -> Keys:
    return [_key(dict(zip(_NAMES, row, strict=True))) for row in connection.execute(_SELECT).fetchall()]


def _key(values: dict[str, Any]) -> GatewayKey:
    try:
        models = json.loads(values["models"])
    except ValueError as error:
        raise StoreFailed(f"PostgreSQL: the models of the key {values['name']!r} are no JSON") from error
    return GatewayKey(**{**values, "models": tuple(models)})
