"""What the gateway's replicas share: Redis or Valkey. Nothing but counters and states is kept there."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from llmctl.errors import ConfigError, StoreFailed
from llmctl.gateway.shared import CANCELS_FOR, PEERS_FOR, WINDOW, Clock
from llmctl.store.keys import period_name

PREFIX = "llmctl:"
CONNECTIONS = 32

_DAY = 86_400
_EXPIRES = {"day": 2 * _DAY, "month": 40 * _DAY}
_TOTAL_EXPIRES = 400 * _DAY  # after its last use; the ledger knows the sum for good
_COOLDOWNS_EXPIRE = 7 * _DAY
_CONNECT_SECONDS = 1.0

# As seconds_to_wait in shared.py. A hash has fields r<second> and t<second>: requests and tokens.
_TAKE = """
local now, second, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local limits, sums, seconds = {r = tonumber(ARGV[4]), t = tonumber(ARGV[5])}, {r = 0, t = 0}, {r = {}, t = {}}
local counts = {}
local found = redis.call('HGETALL', KEYS[1])
for i = 1, #found, 2 do
  local kind, at = string.sub(found[i], 1, 1), tonumber(string.sub(found[i], 2))
  if at <= second - window then
    redis.call('HDEL', KEYS[1], found[i])
  else
    counts[found[i]] = tonumber(found[i + 1])
    sums[kind] = sums[kind] + counts[found[i]]
    table.insert(seconds[kind], at)
  end
end
local wait = -1
for kind, limit in pairs(limits) do
  local over = sums[kind] - limit
  if limit >= 0 and over >= 0 then
    table.sort(seconds[kind])
    local this = window
    for _, at in ipairs(seconds[kind]) do
      over = over - counts[kind .. string.format('%d', at)]
      if over < 0 then
        this = math.min(math.max(at + window - now, 0.001), window)
        break
      end
    end
    wait = math.max(wait, this)
  end
end
if wait < 0 then
  redis.call('HINCRBY', KEYS[1], 'r' .. ARGV[2], 1)
  redis.call('EXPIRE', KEYS[1], 2 * window)
end
return tostring(wait)
"""
_RAISE = """
if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""


class RedisShared:
    """Every method raises StoreFailed where the server doesn't do it. The machines' clocks should agree."""

    def __init__(self, url: str, clock: Clock = time.time) -> None:
        """Nothing is connected yet. Raises ConfigError for a URL that can't be one, and without redis-py."""
        self._clock = clock
        self._redis = connect(url)
        self._take = self._redis.register_script(_TAKE)
        self._raise = self._redis.register_script(_RAISE)

    async def take(self, counter: str, requests_limit: int | None, tokens_limit: int | None) -> float | None:
        now = self._clock()
        limits = [-1 if limit is None else limit for limit in (requests_limit, tokens_limit)]
        with _told():
            wait = float(await self._take([_rate(counter)], [f"{now:.6f}", int(now), WINDOW, *limits]))
        return None if wait < 0 else wait

    async def add_tokens(self, counter: str, tokens: int) -> None:
        await self._do(
            ("HINCRBY", _rate(counter), f"t{int(self._clock())}", tokens), ("EXPIRE", _rate(counter), 2 * WINDOW)
        )

    async def add_cost(self, counter: str, usd: float, period: str) -> None:
        key = self._cost(counter, period)
        await self._do(("INCRBYFLOAT", key, repr(usd)), ("EXPIRE", key, _EXPIRES.get(period, _TOTAL_EXPIRES)))

    async def raise_cost(self, counter: str, usd: float, period: str) -> None:
        with _told():
            await self._raise([self._cost(counter, period)], [repr(usd), _EXPIRES.get(period, _TOTAL_EXPIRES)])

    async def cost(self, counter: str, period: str) -> float:
        return float((await self._do(("GET", self._cost(counter, period))))[0] or 0.0)

    async def put_cooldown(self, name: str, until: float, why: str) -> None:
        key = f"{PREFIX}cooldowns"
        await self._do(("HSET", key, name, json.dumps([until, why])), ("EXPIRE", key, _COOLDOWNS_EXPIRE))

    async def clear_cooldown(self, name: str) -> None:
        await self._do(("HDEL", f"{PREFIX}cooldowns", name))

    async def cooldowns(self) -> dict[str, tuple[float, str]]:
        found = await self._hash(f"{PREFIX}cooldowns")
        with _told():
            told = {name.decode(): json.loads(text) for name, text in found.items()}
            return {name: (float(until), str(why)) for name, (until, why) in told.items() if until > self._clock()}

    async def publish(self, worker: str, state: bytes) -> None:
        key = f"{PREFIX}workers"
        await self._do(("HSET", key, worker, b"%.3f\n" % self._clock() + state), ("EXPIRE", key, WINDOW))

    async def peers(self) -> dict[str, bytes]:
        key, since = f"{PREFIX}workers", self._clock() - PEERS_FOR
        with _told():
            told = {name: text.partition(b"\n") for name, text in (await self._hash(key)).items()}
            old = [name for name, (when, _, _) in told.items() if float(when) < since]
        if old:
            await self._do(("HDEL", key, *old))
        return {name.decode(): state for name, (_, _, state) in told.items() if name not in old}

    async def ask_cancel(self, entry: str) -> None:
        key, now = f"{PREFIX}cancels", self._clock()
        await self._do(
            ("ZADD", key, now, entry),
            ("ZREMRANGEBYSCORE", key, "-inf", now - CANCELS_FOR),
            ("EXPIRE", key, WINDOW),
        )

    async def cancels(self) -> set[str]:
        since = self._clock() - CANCELS_FOR
        (found,) = await self._do(("ZRANGEBYSCORE", f"{PREFIX}cancels", since, "+inf"))
        return {entry.decode() for entry in found}

    async def close(self) -> None:
        with _told():
            await self._redis.aclose()

    def _cost(self, counter: str, period: str) -> str:
        return f"{PREFIX}cost:{counter}:{period_name(period, self._clock())}"

    async def _hash(self, key: str) -> Mapping[bytes, bytes]:
        (found,) = await self._do(("HGETALL", key))
        return dict(found)

    async def _do(self, *commands: tuple[Any, ...]) -> list[Any]:
        """The answers of commands that go out together."""
        with _told():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return list(await pipeline.execute())


def connect(url: str) -> Any:
    """A client of redis-py for redis, rediss, unix, valkey and valkeys URLs. Raises ConfigError."""
    try:
        from redis import asyncio as redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
    except ImportError as error:
        raise ConfigError(
            "[serve] redis_url needs a library that is not here", hint="pip install 'llmctl[redis]'"
        ) from error
    scheme, colon, rest = url.partition(":")
    scheme = {"valkey": "redis", "valkeys": "rediss"}.get(scheme, scheme)
    try:
        pool = redis.BlockingConnectionPool.from_url(
            f"{scheme}{colon}{rest}",
            max_connections=CONNECTIONS,
            socket_connect_timeout=_CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 1),  # a kept connection may have been closed; more is not worth the wait
        )
    except ValueError as error:
        raise ConfigError("[serve] redis_url is not a URL of Redis", hint="redis://HOST:6379/0") from error
    return redis.Redis.from_pool(pool)


def _rate(counter: str) -> str:
    return f"{PREFIX}rate:{counter}"


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Failures in our words. Raises StoreFailed, without the URL, which may hold a password."""
    from redis.exceptions import RedisError

    try:
        yield
    except (RedisError, OSError, EOFError, ValueError, TypeError, RuntimeError) as error:
        raise StoreFailed(f"Redis: {error or type(error).__name__}") from error
