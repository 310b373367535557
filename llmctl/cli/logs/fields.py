"""JSON objects that anybody may have written: their fields, checked one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from llmctl.errors import UsageError

_LARGEST = 2**63 - 1
"""What SQLite holds."""


class Fields:
    """An object, and where it stands, for errors. Every method raises UsageError."""

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, Mapping):
            raise UsageError(f"{where} is no object")
        self.value: Mapping[str, Any] = value
        self.where = where

    def text(self, name: str, default: str | None = None) -> str:
        value = self.value.get(name, default)
        if not isinstance(value, str):
            self._wrong(name, "a string")
        return value

    def one_of(self, name: str, words: tuple[str, ...]) -> str:
        value = self.value.get(name)
        if not isinstance(value, str) or value not in words:
            self._wrong(name, f"one of {', '.join(words)}")
        return value

    def flag(self, name: str) -> bool:
        value = self.value.get(name, False)
        if not isinstance(value, bool):
            self._wrong(name, "true or false")
        return value

    def number(self, name: str) -> float:
        """A finite number of 0 or more."""
        value = self.value.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e15:
            self._wrong(name, "a number of 0 or more")
        return float(value)

    def number_or_none(self, name: str) -> float | None:
        return None if self.value.get(name) is None else self.number(name)

    def whole(self, name: str) -> int:
        """A whole number of 0 or more."""
        value = self.value.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
            self._wrong(name, "a whole number of 0 or more")
        return int(value)

    def whole_or_none(self, name: str) -> int | None:
        return None if self.value.get(name) is None else self.whole(name)

    def table(self, name: str) -> dict[str, Any]:
        value = self.value.get(name, {})
        if not isinstance(value, Mapping):
            self._wrong(name, "an object")
        return dict(value)

    def items(self, name: str, what: str) -> Iterator[tuple[int, Fields]]:
        """The objects of a list with their numbers from 1; `what` is one of them, for errors."""
        values = self.value.get(name, [])
        if not isinstance(values, list):
            self._wrong(name, "a list")
        for at, value in enumerate(values, 1):
            yield at, Fields(value, f"{self.where}, {what} {at}")

    def _wrong(self, name: str, kind: str) -> NoReturn:
        found = "is missing" if name not in self.value else "is something else"
        raise UsageError(f"{self.where}: {name} must be {kind}, and {found}")
