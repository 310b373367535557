"""The cache around one request: is its answer there, and may this one be kept?"""

from __future__ import annotations

import time

from llmctl.client.wire import Headers
from llmctl.gateway.answers import Answer
from llmctl.gateway.cache import Cache, Cached, CacheWish, cache_key, may_keep
from llmctl.gateway.headers import find, whose
from llmctl.gateway.job import Job, since
from llmctl.gateway.relay import EVENT_STREAM

_MOST = 16 * 1024 * 1024
"""Bytes of an answer that is kept at the most."""


class Keeper:
    """One request whose answer may be cached. `max_age` in seconds."""

    def __init__(self, job: Job, cache: Cache, wish: CacheWish, max_age: float) -> None:
        self._job = job
        self._cache = cache
        self._wish = wish
        self._max_age = max_age if wish.max_age is None else min(wish.max_age, max_age)
        call = job.call
        scope = call.key.name if call.key else ""
        self._key = cache_key(scope, f"{job.door} {job.path}", job.plan.signature, job.fields)
        self._parts: list[bytes] = []
        self._size = 0

    async def answered(self) -> bool:
        """Answer from the cache, if it holds the answer."""
        call = self._job.call
        found = await self._cache.get(self._key, self._max_age) if self._wish.use is not False else None
        call.entry.cache = "hit" if found else "miss"
        if found is None:
            return False
        call.entry.cached = found.target
        profile, _, model = found.target.partition("/")
        call.extra = [
            *call.extra,
            *whose(profile, model),
            (b"x-llmctl-attempts", b"0"),
            (b"x-llmctl-overhead-ms", b"%.3f" % since(call.ready)),
            (b"x-llmctl-cache", b"hit"),
            (b"x-llmctl-cost", b"0"),
            (b"age", b"%d" % max(0, time.time() - found.stored)),
        ]
        if not self._job.stream:
            call.answer(found.status, found.headers, found.body)
            return True
        call.start(found.status, found.headers)
        for event in found.body.split(b"\n\n"):
            if event:
                await call.write(event + b"\n\n")
        call.end()
        return True

    def capture(self, data: bytes) -> None:
        """See a part of the answer that the client gets."""
        self._size += len(data)
        if self._size <= _MOST:
            self._parts.append(data)

    async def keep(self, answer: Answer) -> None:
        """Keep the answer that the client has got, if it is whole and fit to be given again."""
        tap = answer.tap
        reasons = list(tap.reasons.values()) if tap is not None else answer.reasons
        complete = self._size <= _MOST and (tap is None or tap.complete)
        if self._wish.store is False or not may_keep(self._job.door, answer.reply.status, reasons, complete):
            return
        usage, attempt = answer.attempt.usage, answer.attempt
        headers: Headers = (
            EVENT_STREAM
            if tap is not None
            else [(b"content-type", find(answer.reply.headers, b"content-type") or b"application/json")]
        )
        cached = Cached(
            answer.reply.status,
            headers,
            b"".join(self._parts),
            f"{attempt.profile}/{attempt.model}",
            time.time(),
            usage.prompt_tokens if usage else None,
            usage.completion_tokens if usage else None,
            attempt.cost,
        )
        await self._cache.put(self._key, cached)
