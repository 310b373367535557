"""A request and its answer on their way to a cassette."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from llmctl.client.wire import Headers
from llmctl.gateway.call import Call
from llmctl.gateway.cassettes import Recorded

if TYPE_CHECKING:
    from llmctl.gateway.gateway import Gateway


class Tape:
    """Sees what a call hears and says."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._status = 0
        self._headers: Headers = []
        self._heard: list[bytes] = []
        self._said: list[bytes] = []
        self._complete = False

    def heard(self, data: bytes) -> None:
        self._heard.append(data)

    def started(self, status: int, headers: Headers) -> None:
        self._status, self._headers = status, headers

    def said(self, data: bytes) -> None:
        self._said.append(data)

    def ended(self) -> None:
        self._complete = True

    async def keep(self, gateway: Gateway) -> None:
        """Write the file, unless the answer was cut off. Keys never get into it."""
        call, recorder = self._call, gateway.recorder
        if recorder is None or not self._complete:
            return
        kind = (call.header(b"content-type") or b"").decode("latin-1")
        recorded = Recorded(
            call.method,
            f"/v1{call.target}",
            kind,
            b"".join(self._heard),
            self._status,
            self._headers,
            b"".join(part for part in self._said if part != b": ping\n\n"),
        )
        await asyncio.to_thread(recorder.record, recorded)
