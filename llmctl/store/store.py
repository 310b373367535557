"""The whole store: conversations, messages, the ledger, search and drafts in one file."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

from llmctl.config.paths import data_folder
from llmctl.errors import StoreFailed
from llmctl.store.conversations import Conversations
from llmctl.store.database import BUSY_SECONDS, Database, is_unwritable
from llmctl.store.drafts import Drafts
from llmctl.store.ledger import Ledger
from llmctl.store.messages import Messages
from llmctl.store.search import Search

DELETED_DAYS = 30
"""How long what was put away can be brought back."""


class Store:
    """Every method of its parts raises StoreFailed where the file can't be read or written."""

    def __init__(self, path: Path | None, readonly: bool = False, patience: float = BUSY_SECONDS) -> None:
        """Open the file at `path`; None keeps everything in memory. `patience`: seconds to wait for others."""
        self.database = Database(path, readonly, patience)
        self.conversations = Conversations(self.database)
        self.messages = Messages(self.database)
        self.ledger = Ledger(self.database)
        self.search = Search(self.database)
        self.drafts = Drafts(self.database, self.messages)

    def transaction(self) -> AbstractContextManager[None]:
        """A block of writes that happens as a whole or not at all."""
        return self.database.transaction()

    def snapshot(self) -> AbstractContextManager[None]:
        """A block of reads that see one state of the file."""
        return self.database.snapshot()

    def close(self) -> None:
        self.database.close()

    def forget_deleted(self) -> None:
        """Remove for good what was put away DELETED_DAYS ago."""
        gone = self.conversations.hidden_before(time.time() - DELETED_DAYS * 86400)
        for number in gone:
            self.conversations.remove(number)
        if gone:
            self.scrub()

    def scrub(self) -> None:
        """Take the words of what was removed out of the index, and the text out of the file beside this one."""
        self.database.run("INSERT INTO search (search) VALUES ('optimize')")
        self.database.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def shrink(self) -> None:
        """Give the room of what was removed back to the disk."""
        self.scrub()
        self.database.run("VACUUM")

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def store_file(env: Mapping[str, str]) -> Path:
    """Where the store is."""
    return data_folder(env) / "llmctl.db"


def open_to_read(path: Path) -> Store:
    """The store for commands that only look: one that is missing is empty, a read-only one is read as it is."""
    try:
        missing = not path.exists()
    except OSError as error:
        raise StoreFailed(f"the history {path} can't be used: {error.strerror or error}") from error
    if missing:
        return Store(None)
    try:
        return Store(path)
    except StoreFailed as error:
        if not is_unwritable(error.__cause__):
            raise
        return Store(path, readonly=True)
