"""Costs that nobody has looked up yet are looked up before they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from llmctl.errors import ConfigError, StoreFailed

if TYPE_CHECKING:
    from llmctl.cli.streams import Streams
    from llmctl.store.ledger import Request
    from llmctl.store.pricing import Pricing
    from llmctl.store.store import Store

PATIENCE = 1.0
"""Seconds to wait for other programs that write: what costs are found can be found again."""


class Costs:
    """Prices requests, and writes what it finds into the ledger where that can be written."""

    def __init__(self, store: Store, streams: Streams) -> None:
        self._store = store
        self._streams = streams
        self._pricing: Pricing | None = None
        self._unpriceable = False
        self._unwritable = False
        self._warned: set[str] = set()

    def look_up(self, requests: Sequence[Request]) -> list[Request]:
        """The requests, priced. One that a bad [prices] is about stays as it is, with a warning."""
        priced = [request if request.cost_by else self._priced(request) for request in requests]
        changed = [new for new, old in zip(priced, requests, strict=True) if new is not old]
        if changed:
            self._write(changed)
        return priced

    def look_up_all(self) -> None:
        """Price everything that is not priced yet."""
        pending = self._store.ledger.unpriced()
        while pending and any(request.cost_by for request in self.look_up(pending)):
            before, pending = pending, self._store.ledger.unpriced()
            if pending == before:  # nothing could be written
                return

    def _write(self, requests: Sequence[Request]) -> None:
        """By a connection of its own: this one may be reading. What can't be written is shown all the same."""
        path = self._store.database.path
        if path is None or self._unwritable:
            return
        from llmctl.store.store import Store

        try:
            with Store(path, patience=PATIENCE) as store, store.transaction():
                for request in requests:
                    store.ledger.price(request.id, request.cost, request.cost_by)
        except StoreFailed:
            self._unwritable = True  # the next try would wait again

    def _priced(self, request: Request) -> Request:
        pricer = self._pricer()
        try:
            return pricer.priced(request) if pricer else request
        except ConfigError as error:
            self._warn(error)
            return request

    def _pricer(self) -> Pricing | None:
        """None where the config can't be read."""
        if self._pricing or self._unpriceable:
            return self._pricing
        from llmctl.cli.history import pricing
        from llmctl.config.configfile import load_config
        from llmctl.config.paths import config_file

        try:
            self._pricing = pricing(load_config(config_file(self._streams.env)), self._streams)
        except ConfigError as error:
            self._unpriceable = True
            self._warn(error)
        return self._pricing

    def _warn(self, error: ConfigError) -> None:
        if error.message not in self._warned:
            self._warned.add(error.message)
            self._streams.warn(f"{error.message}; so some costs stay unknown")
