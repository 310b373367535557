"""The cache in Redis or Valkey, which replicas on several machines share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from llmctl.errors import ConfigError
from llmctl.gateway.cache import Cached, Teller, pack, unpack

if TYPE_CHECKING:
    from redis.asyncio import Redis

PREFIX = "llmctl:cache:"
MAX_ENTRY_BYTES = 8 * 1024 * 1024
_PATIENCE, _PUT_PATIENCE = 0.25, 2.0
"""Seconds. Nobody waits for a put, and a large answer takes its time."""
_PAUSE_SECONDS = 1.0
"""After a failure nothing is tried for so long: else each request would wait for a server that is gone."""
_MOST_AT_ONCE = 64
"""Commands, each with a connection; what is beyond them is a miss. In the blocking pool of redis-py, where they
would wait, some are not ended by a cancellation, and last longer than their time."""
_T = TypeVar("_T")


class RedisCache:
    """Answers expire by themselves after `max_age` seconds. `tell` gets a line for people.

    A client waits `patience` seconds for an answer that may be there.
    """

    def __init__(
        self,
        url: str,
        max_age: float,
        tell: Callable[[str], None] = lambda line: None,
        patience: float = _PATIENCE,
    ) -> None:
        """No connection is made yet. Raises ConfigError for a URL that is none, without repeating it."""
        self._redis = _client(url)
        self._expire_ms = max(1, round(max_age * 1000))
        self._patience = patience
        self._teller = Teller(tell, "the cache in Redis can be used again")
        self._paused_until = 0.0
        self._running = 0

    async def get(self, key: str, max_age: float) -> Cached | None:
        """The answer, if there is one younger than `max_age` seconds."""
        data = await self._tried(self._patience, lambda: self._redis.get(PREFIX + key))
        answer = unpack(data) if isinstance(data, bytes) else None
        return answer if answer and time.time() - answer.stored < max_age else None

    async def put(self, key: str, answer: Cached) -> None:
        """Keep the answer, unless it is above 8 MB."""
        data = pack(answer)
        if len(data) <= MAX_ENTRY_BYTES:
            await self._tried(_PUT_PATIENCE, lambda: self._redis.set(PREFIX + key, data, px=self._expire_ms))

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _tried(self, patience: float, command: Callable[[], Awaitable[_T]]) -> _T | None:
        """What the server says within the time, else None."""
        from redis.exceptions import RedisError

        if time.monotonic() < self._paused_until or self._running >= _MOST_AT_ONCE:
            return None
        self._running += 1
        try:
            async with asyncio.timeout(patience):
                result = await command()
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
            reason = f"no answer within {patience:g} s" if _is_timeout(error) else type(error).__name__
            self._teller.problem(f"the cache in Redis can't be used ({reason}); answers come from the providers")
            return None
        finally:
            self._running -= 1
        if time.monotonic() >= self._paused_until:  # else it was on its way already when another one failed
            self._teller.fine()
        return result


def _client(url: str) -> Redis:
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    scheme, separator, rest = url.partition("://")
    scheme = {"valkey": "redis", "valkeys": "rediss"}.get(scheme, scheme)
    try:
        return Redis.from_url(
            scheme + separator + rest,
            max_connections=2 * _MOST_AT_ONCE,  # some are still being closed
            # Later than our own limits: of two that end at once, redis-py may heed neither.
            socket_timeout=2 * _PUT_PATIENCE,
            socket_connect_timeout=2 * _PUT_PATIENCE,
            retry=Retry(NoBackoff(), 1),  # a kept connection may have been closed meanwhile
        )
    except ValueError:
        raise ConfigError("the URL of Redis can't be read", hint="redis://[:PASSWORD@]HOST:PORT/0") from None


def _is_timeout(error: Exception) -> bool:
    from redis.exceptions import TimeoutError as RedisTimeout

    return isinstance(error, TimeoutError | RedisTimeout)
