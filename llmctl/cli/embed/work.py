"""One run of `llmctl embed`: the texts still to do, in batches, and what has come so far."""

from __future__ import annotations

import asyncio
import json
import time
from array import array
from dataclasses import dataclass, replace
from typing import Any

from llmctl.cli.account import open_account
from llmctl.cli.embed.inputs import Item
from llmctl.cli.embed.journal import Journal, fingerprint
from llmctl.cli.embed.progress import Progress
from llmctl.cli.session import Session
from llmctl.core.embeddings import batches
from llmctl.core.events import Usage
from llmctl.errors import Interrupted, LlmctlError
from llmctl.store.ledger import UNKNOWN, Request
from llmctl.store.recorder import failed, request_to


@dataclass(frozen=True)
class Limits:
    """How a run goes about it. `files` are absolute paths; the run is known by them when resumed."""

    batch: int | None
    parallel: int
    resume: bool
    files: list[str]


class Work:
    """One run: the texts still to do, in batches, and what has come so far."""

    def __init__(self, session: Session, items: list[Item], params: dict[str, Any], limits: Limits) -> None:
        self.session = session
        self.account = open_account(session, "embed", wants_cost=True)
        self.texts = list(dict.fromkeys(item.text for item in items))
        self.params = params
        self.limits = limits
        self.vectors: dict[str, array[float]] = {}
        self.journal: Journal | None = None
        self.prompt_tokens: int | None = 0
        self.cost: float | None = 0.0
        self.model: str | None = None

    @property
    def concurrent(self) -> bool:
        """Whether requests go side by side, as far as can be told before the first."""
        target = self.session.target
        most = self.limits.batch or target.quirks(target.embedding_model or "").embedding_batch
        return self.limits.parallel > 1 and sum(1 for _ in batches(self.texts, most)) > 1

    async def run(self, client: Any) -> None:
        model = await client.embedding_model(None)
        self.model = model
        self._resume(model)
        todo = [text for text in self.texts if text not in self.vectors]
        most = self.limits.batch or client.target.quirks(model).embedding_batch
        ranges = list(batches(todo, most))
        progress = Progress(self.session.streams, len(self.texts), len(self.texts) - len(todo), len(ranges) > 1)
        if self.concurrent:
            await self._side_by_side(client, model, todo, ranges, progress)
        else:
            for batch in ranges:
                await self._batch(client, model, [todo[i] for i in batch], progress)
        progress.end()

    async def _side_by_side(
        self, client: Any, model: str, todo: list[str], ranges: list[range], progress: Any
    ) -> None:
        slots = asyncio.Semaphore(self.limits.parallel)

        async def one(batch: range) -> None:
            async with slots:
                await self._batch(client, model, [todo[i] for i in batch], progress)

        tasks = [asyncio.ensure_future(one(batch)) for batch in ranges]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _batch(self, client: Any, model: str, texts: list[str], progress: Progress) -> None:
        self.account.guard.check([{"content": text} for text in texts], model=model)
        started, begun = time.time(), time.monotonic()
        try:
            part = await client.embed_batch(texts, model=model, **self.params)
        except LlmctlError as error:
            self._count_failed(model, started, error)
            raise
        except asyncio.CancelledError:  # another batch failed, or the user did; the provider may bill it
            self._count_failed(model, started, Interrupted("the batch was given up"))
            raise
        vectors = dict(zip(texts, part.vectors, strict=True))
        self.vectors |= vectors
        if self.journal and len(self.texts) > len(texts):
            self.journal.add((fingerprint(text), vector) for text, vector in vectors.items())
        total_ms = round((time.monotonic() - begun) * 1000, 1)
        asked = replace(request_to(self.session.target, "embed", started), model=model, total_ms=total_ms)
        self._count(replace(asked, answered_by=part.model or ""), part.usage)
        self.model = part.model or self.model
        progress.advance(len(texts))

    def _count_failed(self, model: str, started: float, error: LlmctlError) -> None:
        request = replace(request_to(self.session.target, "embed", started), model=model, cost_by=UNKNOWN)
        self.account.recorder.note(failed(request, error))

    def _count(self, request: Request, usage: Usage | None) -> None:
        """Write the request down. Totals are unknown as soon as one part is."""
        tokens = usage.prompt_tokens if usage else None
        self.prompt_tokens = None if tokens is None or self.prompt_tokens is None else self.prompt_tokens + tokens
        cost_by = "" if usage else UNKNOWN
        request = replace(request, prompt_tokens=tokens, completion_tokens=0, cost_by=cost_by)
        cost = self.account.recorder.note(request, usage.cost if usage else None).cost
        self.cost = None if cost is None or self.cost is None else self.cost + cost

    def _resume(self, model: str) -> None:
        target = self.session.target
        identity = (
            target.profile,
            target.base_url,
            model,
            json.dumps(self.params, sort_keys=True),
            *self._source(),
        )
        self.journal = Journal.open(self.session.streams.env, identity, self.limits.resume)
        for text in self.texts:
            vector = self.journal.known.get(fingerprint(text))
            if vector is not None:
                self.vectors[text] = vector
        if self.vectors:
            self.session.streams.note(
                f"resuming: {len(self.vectors)} of {len(self.texts)} texts are there already"
            )

    def _source(self) -> list[str]:
        """What tells this run from others: its files, or all its texts."""
        return self.limits.files or [fingerprint(*self.texts)]

    def summary(self) -> dict[str, Any]:
        target = self.session.target
        return {
            "model": self.model,
            "profile": target.profile,
            "provider": target.provider,
            "dimensions": len(next(iter(self.vectors.values()))),
            "usage": {"prompt_tokens": self.prompt_tokens},
            "cost": self.cost,
        }

    def close(self, complete: bool) -> int:
        """The number of texts that a later run finds."""
        self.account.recorder.close()
        if self.journal:
            self.journal.close(complete)
        return len(self.vectors) if self.journal and len(self.texts) > len(self.vectors) else 0
