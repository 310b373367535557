"""The whole store: conversations, messages, the ledger, search and drafts in one file."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType

from llmctl.config.paths import data_folder
from llmctl.errors import StoreFailed
from llmctl.store.conversations import Conversations
from llmctl.store.database import Database
from llmctl.store.drafts import Drafts
from llmctl.store.ledger import Ledger
from llmctl.store.messages import Messages
from llmctl.store.search import Search


class Store:
    """Every method of its parts raises StoreFailed where the file can't be read or written."""

    def __init__(self, path: Path | None, readonly: bool = False) -> None:
        """Open the file at `path`; None keeps everything in memory."""
        self.database = Database(path, readonly)
        self.conversations = Conversations(self.database)
        self.messages = Messages(self.database)
        self.ledger = Ledger(self.database)
        self.search = Search(self.database)
        self.drafts = Drafts(self.database, self.messages)

    def transaction(self) -> AbstractContextManager[None]:
        """A block of writes that happens as a whole or not at all."""
        return self.database.transaction()

    def close(self) -> None:
        self.database.close()

    def shrink(self) -> None:
        """Give the room of what was removed back to the disk."""
        self.database.run("INSERT INTO search (search) VALUES ('optimize')")
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
        raise StoreFailed(f"history can't be read from {path}: {error.strerror or error}") from error
    if missing:
        return Store(None)
    try:
        return Store(path)
    except StoreFailed:
        return Store(path, readonly=True)
