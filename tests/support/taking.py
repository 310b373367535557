"""A process that takes from a shared counter at the same time as others. Its tests import it by this name."""

from __future__ import annotations

import asyncio
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

from llmctl.gateway.shared_sqlite import SqliteShared


def take_many(path: Path, together: Barrier, pipe: Connection, rounds: int) -> None:
    """In a process of its own: how many it was allowed, told through the pipe."""

    async def main() -> int:
        shared = SqliteShared(path)
        taken = 0
        for number in range(rounds):
            together.wait()
            taken += await shared.take(f"k{number}", 1, None) is None
            await shared.add_cost("k", 1.0, "total")
        await shared.close()
        return taken

    pipe.send(asyncio.run(main()))
