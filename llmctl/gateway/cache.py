"""Answers kept for requests that are the same to the byte: what is kept, under which key, and when."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

_WHOLE = frozenset({"stop", "tool_calls", "function_call"})
"""Reasons of answers that ended by themselves: neither cut short nor filtered."""

_WITHOUT_REASONS = frozenset({"embeddings"})
_MAX_AGE = re.compile(r'max-age="?(\d{1,9}(?:\.\d{1,6})?)"?')


@dataclass(frozen=True)
class Cached:
    """An answer as the client got it. `body` is JSON or a stream's events, `stored` in seconds since 1970."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    target: str
    stored: float
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None
    """US dollars that the answer cost when it was made."""


class Cache(Protocol):
    """Where answers are kept. No failure reaches the caller: it is told once, and there is no answer."""

    async def get(self, key: str, max_age: float) -> Cached | None:
        """The answer, if there is one younger than `max_age` seconds."""
        ...

    async def put(self, key: str, answer: Cached) -> None:
        """Keep the answer, instead of an older one."""
        ...

    async def close(self) -> None: ...


class Teller:
    """Tells a lasting problem once, and once that it is over."""

    def __init__(self, tell: Callable[[str], None], over: str) -> None:
        self._tell, self._over = tell, over
        self._troubled = False

    def problem(self, line: str) -> None:
        if not self._troubled:
            self._troubled = True
            self._tell(line)

    def fine(self) -> None:
        if self._troubled:
            self._troubled = False
            self._tell(self._over)


@dataclass(frozen=True)
class CacheWish:
    """What a request's headers say of the cache; None where they say nothing. `max_age` in seconds."""

    use: bool | None = None
    """Whether it may be answered from the cache."""
    store: bool | None = None
    """Whether its answer may be kept."""
    max_age: float | None = None


def cache_key(scope: str, door: str, plan: str, fields: Mapping[str, bytes]) -> str:
    """The key of a request: 64 hex digits over who asks, where, which targets may answer, and the whole body.

    `fields` are the body's top-level names with their JSON as the client sent it.
    """
    parts = [scope.encode(), door.encode(), plan.encode()]
    for name in sorted(fields):
        parts += (name.encode("utf-8", "surrogatepass"), fields[name])
    digest = hashlib.sha256()
    for part in parts:  # with its length before each, no two lists of parts give the same bytes
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.hexdigest()


def may_keep(door: str, status: int, finish_reasons: Collection[str], complete: bool) -> bool:
    """Whether an answer is worth giving again: whole, and neither cut at a limit nor filtered."""
    if status != 200 or not complete:
        return False
    return _WHOLE.issuperset(finish_reasons) if finish_reasons else door in _WITHOUT_REASONS


def cache_wish(headers: Iterable[tuple[bytes, bytes]]) -> CacheWish:
    """Read x-llmctl-cache (on, off, refresh, max-age=SECONDS) and, where that says nothing, Cache-Control.

    Header names are lower case, as ASGI gives them. Unknown words are passed over.
    """
    own: dict[str, bool | float] = {}
    common: dict[str, bool | float] = {}
    for name, value in headers:
        if name == b"x-llmctl-cache":
            _read(value, _OWN, own)
        elif name == b"cache-control":
            _read(value, _COMMON, common)
    if "max_age" in own:  # who names an age wants the cache, unless another word says otherwise
        own = {"use": True, "store": True, **own}
    if not own and not common:
        return CacheWish()
    found = {**common, **own}
    use, store, age = found.get("use"), found.get("store"), found.get("max_age")
    return CacheWish(
        None if use is None else bool(use),
        None if store is None else bool(store),
        None if age is None else float(age),
    )


_OWN: Mapping[str, Mapping[str, bool]] = {
    "on": {"use": True, "store": True},
    "off": {"use": False, "store": False},
    "refresh": {"use": False, "store": True},
}
_COMMON: Mapping[str, Mapping[str, bool]] = {"no-cache": {"use": False}, "no-store": {"store": False}}


def _read(value: bytes, words: Mapping[str, Mapping[str, bool]], found: dict[str, bool | float]) -> None:
    for part in value.decode("latin-1").lower().split(","):
        word = part.strip()
        found.update(words.get(word, {}))
        if age := _MAX_AGE.fullmatch(word):
            found["max_age"] = float(age[1])


def pack(answer: Cached) -> bytes:
    """The answer as bytes (MessagePack)."""
    import msgspec

    try:
        return msgspec.msgpack.encode(answer)
    except UnicodeEncodeError:  # half a surrogate pair in the name of a model
        return msgspec.msgpack.encode(replace(answer, target=answer.target.encode("utf-8", "replace").decode()))


def unpack(data: bytes) -> Cached | None:
    """The answer from its bytes; None where another version wrote them, or they are damaged."""
    import msgspec

    try:
        return msgspec.msgpack.decode(data, type=Cached)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
