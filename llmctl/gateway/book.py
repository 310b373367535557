"""The ledger in this machine's store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from llmctl.gateway.accounts import comparison_row
from llmctl.gateway.judging import Comparison
from llmctl.store.ledger import Request
from llmctl.store.store import Store

_PATIENCE = 5.0
_COMPARISON = "INSERT INTO comparisons (time, entry, route, request, answers) VALUES (?, ?, ?, ?, ?)"


class StoreBook:
    """Writes into llmctl.db. Raises StoreFailed."""

    portion = 20  # about a millisecond's work: longer is what the slowest of 100 requests would wait

    def __init__(self, path: Path) -> None:
        self._store = Store(path, patience=_PATIENCE)

    def add_all(self, requests: Sequence[Request]) -> None:
        self._store.ledger.add_all(requests)

    def add_comparisons(self, comparisons: Sequence[Comparison]) -> None:
        with self._store.transaction():
            for comparison in comparisons:
                self._store.database.run(_COMPARISON, comparison_row(comparison))

    def close(self) -> None:
        self._store.close()


class NoBook:
    """Keeps nothing, where history = false or --no-log says so."""

    portion = 1000

    def add_all(self, requests: Sequence[Request]) -> None: ...

    def add_comparisons(self, comparisons: Sequence[Comparison]) -> None: ...

    def close(self) -> None: ...
