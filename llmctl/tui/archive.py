"""The store behind the screen: used in a thread of its own, so that a slow disk never stops the keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from llmctl.errors import Interrupted, StoreFailed
from llmctl.store.recorder import Price, Recorder
from llmctl.store.store import Store

T = TypeVar("T")


class Archive:
    """A store, or one in memory where nothing may or can be kept; `problem` says why it can't."""

    def __init__(self, open_store: Callable[[], Store | None]) -> None:
        self.problem: StoreFailed | None = None
        self._told = False
        self._closed = False
        self._pool = ThreadPoolExecutor(1, "store")
        try:
            self.store = open_store() or Store(None)
        except StoreFailed as error:
            self.problem = error
            self.store = Store(None)

    async def run(self, call: Callable[[Store], T]) -> T:
        """What `call` returns. Calls run one after the other. Raises StoreFailed, and Interrupted at the end."""
        if self._closed:
            raise Interrupted("llmctl is ending")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: call(self.store))
        except StoreFailed as error:
            self.problem = self.problem or error
            raise

    @property
    def broken(self) -> bool:
        """Whether the store in use has failed."""
        return self.problem is not None and self.store.database.path is not None

    def news(self) -> StoreFailed | None:
        """The problem, once: it is to be told."""
        told, self._told = self._told, self._told or self.problem is not None
        return None if told else self.problem

    async def to_memory(self, copy: Callable[[Store, Store], T]) -> T:
        """Go on in memory; `copy` takes over from the store so far what is still needed."""

        def change(old: Store) -> T:
            self.store = Store(None)
            copied = copy(old, self.store)
            with suppress(StoreFailed):
                old.close()
            return copied

        return await self.run(change)

    def recorder(self, price: Price) -> Recorder:
        """A recorder that writes into whichever store is in use; its failure is left in `problem`."""

        def failed(error: StoreFailed) -> None:
            self.problem = self.problem or error

        return Recorder(lambda: self.store, "tui", failed, price, owns_store=False)

    async def close(self) -> None:
        """Wait for what is being written, then give the file back."""
        if not self._closed:
            self._closed = True
            with suppress(StoreFailed):
                await asyncio.get_running_loop().run_in_executor(self._pool, self.store.close)
            self._pool.shutdown()
