"""Tools that stay open from question to question: an MCP server may have a state of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from llmctl.cli.chat.toolbox import Toolbox

if TYPE_CHECKING:
    from llmctl.cli.session import Session
    from llmctl.tools.tool import Tool


class HeldToolbox(Toolbox):
    """A toolbox whose servers are started once, by a task of the session's own event loop, until `close`."""

    def __init__(self, box: Toolbox, session: Session) -> None:
        super().__init__(box.streams, box.gate, box.local, box.servers, box.folder)
        self._runner = asyncio.Runner()
        self._end = asyncio.Event()
        session.runner = self._runner
        self._tools: list[Tool] = []
        self._holder: asyncio.Task[None] | None = None
        self._runner.run(self._start())

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[list[Tool]]:
        """The tools of the servers that run already."""
        yield self._tools

    def close(self) -> None:
        """End the servers."""
        if self._holder:
            self._end.set()
            with suppress(KeyboardInterrupt):
                self._runner.run(_wait(self._holder))
        self._runner.close()

    async def _start(self) -> None:
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._holder = asyncio.create_task(self._hold(ready))
        await asyncio.wait({ready, self._holder}, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            holder, self._holder = self._holder, None
            await holder  # raises what kept a server from starting

    async def _hold(self, ready: asyncio.Future[None]) -> None:
        async with super().opened() as tools:
            self._tools = tools
            ready.set_result(None)
            await self._end.wait()


async def _wait(task: asyncio.Task[Any]) -> None:
    await task
