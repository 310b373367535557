"""The ledger, written off the hot path: in batches, by a thread. What can't be kept is counted."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from llmctl.errors import LlmctlError
from llmctl.gateway.entry import OK, Attempt, Entry
from llmctl.gateway.judging import Comparison
from llmctl.store.ledger import UNPRICED, Request

MOST_WAITING = 20_000
_EVERY = 0.5
"""Seconds between two writes: a crash loses no more than that."""

_PAUSE = 0.002
"""Seconds between two portions, in which requests that wait for the same core have their turn."""


class Book(Protocol):
    """Where requests are written down: SQLite on this machine, PostgreSQL for several. Used by one thread."""

    portion: int
    """So many requests are written at once."""

    def add_all(self, requests: Sequence[Request]) -> None: ...
    def add_comparisons(self, comparisons: Sequence[Comparison]) -> None: ...
    def close(self) -> None: ...


class Accounts:
    """A queue in front of a book. `tell` hears once that writing fails, and once that it works again."""

    def __init__(self, open_book: Callable[[], Book], tell: Callable[[str], None]) -> None:
        self.lost = 0
        """Requests that were not written down."""
        self._open_book = open_book
        self._tell = tell
        self._book: Book | None = None
        self._waiting: deque[Request] = deque()
        self._comparisons: deque[Comparison] = deque(maxlen=1000)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def add(self, entries: Sequence[Entry]) -> None:
        """Requests have ended."""
        for entry in entries:
            for request in rows(entry):
                if len(self._waiting) >= MOST_WAITING:
                    self.lost += 1
                else:
                    self._waiting.append(request)

    def compare(self, comparison: Comparison) -> None:
        self._comparisons.append(comparison)

    def start(self, at_once: bool = False) -> None:
        """Write from now on, on the running loop. `at_once` opens the book before there is anything to write."""
        if at_once:
            asyncio.get_running_loop().run_in_executor(self._thread, self._write)
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Write what is left."""
        if self._task:
            self._task.cancel()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._write)
        await loop.run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_EVERY)
            if self._waiting or self._comparisons:
                await loop.run_in_executor(self._thread, self._write)

    def _write(self) -> None:
        """Write what waits. What fails stays in the queue, for the next time."""
        batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
        comparisons = [self._comparisons.popleft() for _ in range(len(self._comparisons))]
        written = 0
        try:
            if self._book is None:
                self._book = self._open_book()
            while written < len(batch):
                self._book.add_all(batch[written : written + self._book.portion])
                written += self._book.portion
                time.sleep(_PAUSE)
            if comparisons:
                self._book.add_comparisons(comparisons)
        except LlmctlError as error:
            self._waiting.extendleft(reversed(batch[written:]))
            self._comparisons.extendleft(reversed(comparisons))
            if not self._failing:
                self._tell(f"the ledger can't be written now: {error.message}")
            self._failing = True
        else:
            if self._failing:
                self._tell("the ledger is written again")
            self._failing = False

    def _close(self) -> None:
        self.lost += len(self._waiting)
        if self._book is not None:
            self._book.close()


def rows(entry: Entry) -> Iterator[Request]:
    """An entry's lines in the ledger: one for each attempt; one that cost nothing for an answer from the cache."""
    caller = f"serve:{entry.caller}" if entry.caller else "serve"
    if entry.cache == "hit":
        profile, _, model = entry.cached.partition("/")
        yield Request(
            entry.started, caller, profile if model else "", "", "", model or entry.model, status=OK,
            http_status=entry.status, attempts=0, cost=0.0, cost_by="cache", total_ms=entry.total_ms,
            entry=entry.id, route=entry.route, why="cache",
        )  # fmt: skip
    for attempt in entry.attempts:
        yield _row(entry, attempt, caller)


def _row(entry: Entry, attempt: Attempt, caller: str) -> Request:
    usage = attempt.usage
    return Request(
        attempt.started,
        caller,
        attempt.profile,
        attempt.provider,
        attempt.base_url,
        attempt.model or f"({entry.door})",
        attempt.answered_by,
        attempt.status,
        attempt.http_status,
        1,
        usage.prompt_tokens if usage else None,
        usage.completion_tokens if usage else None,
        usage.cached_tokens if usage else None,
        usage.cache_write_tokens if usage else None,
        usage.reasoning_tokens if usage else None,
        attempt.cost,
        attempt.cost_by or UNPRICED,
        attempt.first_token_ms,
        attempt.total_ms,
        attempt.request_id,
        entry=entry.id,
        route=entry.route,
        why=attempt.why,
    )


def comparison_row(comparison: Comparison) -> tuple[float, str, str, str, str]:
    """As the table has it."""
    answers = json.dumps(comparison.answers, ensure_ascii=False)
    return comparison.time, comparison.entry, comparison.route, comparison.request, answers
