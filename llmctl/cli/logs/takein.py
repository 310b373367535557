"""Puts conversations from outside into the store, each once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from llmctl.cli.logs.record import Record, as_exported, content_id, export, said_in

if TYPE_CHECKING:
    from llmctl.store.conversations import Conversation
    from llmctl.store.ledger import Request
    from llmctl.store.store import Store


class TakeIn:
    """`came` and `skipped` count conversations."""

    def __init__(self, store: Store) -> None:
        self.came = 0
        self.skipped = 0
        self._store = store
        self._claimed: set[int] = set()

    def take(self, record: Record) -> None:
        """Write it down, unless the same is there. One of the same id and other content gets a new id."""
        there = self._store.conversations.get(record.id)
        if there and not self._same(there, record):
            record = replace(record, id=content_id([record.id, said_in(as_exported(record))]), derived=True)
            there = self._store.conversations.get(record.id)
        if there is None:
            self._write(record)
            self.came += 1
        elif self._put_away(there):
            self._store.conversations.restore(there.id)
            self.came += 1
        else:
            self.skipped += 1

    def _same(self, there: Conversation, record: Record) -> bool:
        """Whether all that was said is there, whatever was said since."""
        if record.derived:
            return True
        said = said_in(as_exported(record))
        return bool(said_in(export(self._store, there))[: len(said)] == said)

    def _put_away(self, there: Conversation) -> bool:
        rows = self._store.database.rows(
            "SELECT 1 FROM conversations WHERE id = ? AND deleted IS NULL", (there.id,)
        )
        return not rows

    def _write(self, record: Record) -> None:
        store = self._store
        store.conversations.begin(id=record.id, **record.settings)
        ids: dict[int | None, int | None] = {None: None}
        for message, files in record.messages:
            ids[message.id] = store.messages.add(record.id, ids[message.parent], message, files)
        updated = record.settings["updated"]
        store.conversations.change(record.id, head=ids[record.head], updated=updated)
        for request in record.requests:
            self._request(replace(request, conversation=record.id, message=ids[request.message]))

    def _request(self, request: Request) -> None:
        """One that is in the ledger is not counted twice; it becomes this conversation's if it is of none."""
        known = [entry for entry in self._store.ledger.same(request) if entry.id not in self._claimed]
        if not known:
            self._claimed.add(self._store.ledger.add(request))
            return
        self._claimed.add(known[0].id)
        if known[0].conversation is None:
            assert request.conversation
            self._store.ledger.assign(known[0].id, request.conversation, request.message)
