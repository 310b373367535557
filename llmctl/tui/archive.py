"""The store behind the screen: used in a thread of its own, so that a slow disk never stops the keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from llmctl.errors import StoreFailed
from llmctl.store.recorder import Price, Recorder
from llmctl.store.store import Store

T = TypeVar("T")


class Archive:
    """A store, or one in memory where nothing may or can be kept; `problem` says why it can't."""

    def __init__(self, open_store: Callable[[], Store | None]) -> None:
        self.problem: StoreFailed | None = None
        self._pool = ThreadPoolExecutor(1, "store")
        try:
            self.store = open_store() or Store(None)
        except StoreFailed as error:
            self.problem = error
            self.store = Store(None)

    async def run(self, call: Callable[[Store], T]) -> T:
        """What `call` returns. Calls run one after the other. Raises StoreFailed."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: call(self.store))

    def to_memory(self, error: StoreFailed) -> None:
        """Nothing can be kept any more: go on in memory."""
        self.problem = error
        self.store = Store(None)

    def recorder(self, price: Price) -> Recorder:
        """A recorder that writes into whichever store is in use; its failure is left in `problem`."""

        def failed(error: StoreFailed) -> None:
            self.problem = error

        return Recorder(lambda: self.store, "tui", failed, price, owns_store=False)

    async def close(self) -> None:
        """Wait for what is being written, then give the file back."""
        await self.run(Store.close)
        self._pool.shutdown()
