"""How each target has done lately: what to leave alone for a while, and how long a first token takes.

Kept for each (profile, model, door), and there for each of the profile's keys: 401, 402 and 403 mean a
dead key, 429 a wait as told, 5xx and timeouts open a breaker, which lets one request through when its
time is over. 400 and 404 say nothing about a target.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from llmctl.errors import (
    Forbidden,
    KeyProblem,
    LimitReached,
    LlmctlError,
    OutOfFiles,
    QuotaExhausted,
    RequestRefused,
    UsageError,
)
from llmctl.gateway.shown import MOST_STRANGERS, short

FAILURES = 3
"""So many failures in a row open the breaker."""
_OPEN, _OPEN_MOST = 10.0, 120.0
_LIMITED, _LONGEST = 5.0, 300.0
"""Seconds: the first pause of a breaker and the longest; of a 429 that names none, and the longest.

A dead key rests for the longest one too. Then it is looked at again, whatever a header has said.
"""
_SAMPLES = 64

Place = tuple[str, str, str]
"""(profile, model, door)."""


@dataclass(slots=True)
class Cooling:
    """Until when (by the clock) something is left alone, and why."""

    until: float
    why: str
    dead: bool = False


@dataclass(slots=True)
class State:
    """One target at one door."""

    failures: int = 0
    pause: float = _OPEN
    opened: float = 0.0
    open_until: float = 0.0
    why: str = ""
    probing: bool = False
    keys: dict[int, Cooling] = field(default_factory=dict)
    first_tokens: deque[float] = field(default_factory=lambda: deque(maxlen=_SAMPLES))
    wholes: deque[float] = field(default_factory=lambda: deque(maxlen=_SAMPLES))
    """Milliseconds of the last streams to their first token, and of the last whole answers."""
    requests: int = 0

    def waits(self, now: float, keys: int) -> float:
        """Seconds until it may be asked again; 0 is now."""
        breaker = self.open_until - now if self.failures >= FAILURES else 0.0
        if self.failures >= FAILURES and breaker <= 0 and self.probing:
            breaker = 1.0
        if len(self.keys) < keys or not self.keys:
            return max(breaker, 0.0)
        return max(breaker, min(cooling.until for cooling in self.keys.values()) - now, 0.0)

    def usual(self, share: float, stream: bool = True, least: int = 5) -> float | None:
        """Milliseconds within which this share of the answers came, or began; None with fewer than `least`."""
        samples = self.first_tokens if stream else self.wholes
        if len(samples) < least:
            return None
        ordered = sorted(samples)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


class Health:
    """All targets that have been asked.

    `on_cooling(place, key, until, why)` hears of each that begins to rest, until time.time() is `until`; key is
    None for a breaker, and `until` is 0 for what has answered again. `is_known` tells places that the
    configuration knows: they are never forgotten.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        on_cooling: Callable[[Place, int | None, float, str], None] | None = None,
        is_known: Callable[[Place], bool] = lambda _place: False,
    ) -> None:
        self._clock = clock
        self._on_cooling = on_cooling
        self._is_known = is_known
        self._states: dict[Place, State] = {}

    def state(self, place: Place) -> State:
        state = self._states.get(place)
        if state is None:
            if len(self._states) >= MOST_STRANGERS:
                self._forget_some()
            state = self._states[place] = State()
        return state

    def _forget_some(self) -> None:
        """Names that clients make up must not fill the memory: the oldest half goes, first what doesn't rest."""
        strangers = [place for place in self._states if not self._is_known(place)]
        if len(strangers) < MOST_STRANGERS:
            return
        quiet = [place for place in strangers if not (self._states[place].failures or self._states[place].keys)]
        for place in (quiet or strangers)[: MOST_STRANGERS // 2]:
            del self._states[place]

    def waits(self, place: Place, keys: int = 1) -> float:
        """Seconds until the target may be asked; 0 is now. `keys`: how many the profile has."""
        state = self._states.get(place)
        if state is None or (not state.keys and state.failures < FAILURES):
            return 0.0
        now = self._clock()
        for number in [number for number, cooling in state.keys.items() if cooling.until <= now]:
            del state.keys[number]
        return state.waits(now, keys)

    def why(self, place: Place) -> str:
        """Why a target rests; "" where it doesn't."""
        state = self._states.get(place)
        return _word(state, self._clock())[2] if state else ""

    def live_keys(self, place: Place, keys: int) -> list[int]:
        """The keys that may be used."""
        state = self._states.get(place)
        if state is None or not state.keys:
            return list(range(keys))
        now = self._clock()
        return [number for number in range(keys) if number not in state.keys or state.keys[number].until <= now]

    def soonest_key(self, place: Place, keys: int) -> int:
        """The key that recovers first, where none may be used."""
        cooling = self.state(place).keys
        return min(range(keys), key=lambda number: cooling[number].until if number in cooling else 0.0)

    def asked(self, place: Place) -> float:
        """A request goes out; where the breaker was open, it is the probe. When that was, for `failed`."""
        state = self.state(place)
        state.requests += 1
        state.probing = state.failures >= FAILURES
        return self._clock()

    def answered(self, place: Place, ms: float, stream: bool, key: int = 0) -> None:
        """It answered whole, or began to stream, after so many milliseconds."""
        state = self.state(place)
        if state.failures:
            if state.failures >= FAILURES and self._on_cooling:
                self._on_cooling(place, None, 0.0, "")
            state.failures, state.pause, state.why = 0, _OPEN, ""
        if key in state.keys:
            del state.keys[key]
            if self._on_cooling:
                self._on_cooling(place, key, 0.0, "")
        state.probing = False
        (state.first_tokens if stream else state.wholes).append(ms)

    def gave_up(self, place: Place) -> None:
        """Nobody waited for the answer: that says nothing."""
        self.state(place).probing = False

    def failed(self, place: Place, key: int, error: LlmctlError, asked: float | None = None) -> None:
        """It failed. `asked` is what `asked` gave; without it the request is taken for a new one."""
        state, now = self.state(place), self._clock()
        if asked is None or asked > state.opened:
            state.probing = False
        if isinstance(error, RequestRefused | UsageError | OutOfFiles):
            return
        if isinstance(error, KeyProblem | QuotaExhausted):
            kind = "refused" if isinstance(error, Forbidden) else "dead key"
            state.keys[key] = Cooling(now + _LONGEST, f"{kind}: {error.message}", True)
            self._tell(place, key, state.keys[key])
        elif isinstance(error, LimitReached):
            pause = min(error.retry_after or _LIMITED, _LONGEST)
            state.keys[key] = Cooling(now + pause, f"limit: {error.message}")
            self._tell(place, key, state.keys[key])
        else:
            self._broken(place, state, error, now if asked is None else asked)

    def _broken(self, place: Place, state: State, error: LlmctlError, asked: float) -> None:
        """Count a failure. The breaker opens once for all that were under way: only later ones are probes."""
        now = self._clock()
        state.failures += 1
        state.why = error.message
        is_first = state.failures == FAILURES
        is_probe = asked > state.opened and now >= state.open_until
        if state.failures < FAILURES or not (is_first or is_probe):
            return
        state.opened, state.open_until = now, now + state.pause
        state.pause = min(state.pause * 2, _OPEN_MOST)
        self._tell(place, None, Cooling(state.open_until, error.message))

    def cool(self, place: Place, key: int | None, until: float, why: str) -> None:
        """Another replica says that a key (None: the target) rests, until time.time() is `until`."""
        state = self.state(place)
        now = self._clock()
        local = until - time.time() + now
        if local > now + 2 * _LONGEST:
            return  # nothing rests for so long: it is another version's word, or a clock is wrong
        if key is None:
            if state.failures < FAILURES or state.open_until < local:
                state.failures, state.open_until, state.why = max(state.failures, FAILURES), local, why
        elif key not in state.keys or state.keys[key].until < local:
            state.keys[key] = Cooling(local, why)

    def _tell(self, place: Place, key: int | None, cooling: Cooling) -> None:
        if self._on_cooling:
            self._on_cooling(place, key, cooling.until - self._clock() + time.time(), cooling.why)

    def report(self) -> list[dict[str, Any]]:
        """Every target for the dashboard; times in seconds since 1970."""
        return list(self._rows())

    def _rows(self) -> Iterator[dict[str, Any]]:
        now, wall = self._clock(), time.time()
        for (profile, model, door), state in sorted(self._states.items()):
            word, until, why = _word(state, now)
            yield {
                "target": f"{profile}/{short(model)}",
                "door": short(door),
                "state": word,
                "until": None if until is None else until - now + wall,
                "why": why,
                "failures": state.failures,
                "p50_ms": _either(state, 0.5),
                "p95_ms": _either(state, 0.95),
                "requests": state.requests,
            }


def _word(state: State, now: float) -> tuple[str, float | None, str]:
    """(ok | failing | cooling | open | half-open | dead key, until when, why)."""
    cooling = [each for each in state.keys.values() if each.until > now]
    if state.failures >= FAILURES:
        return ("open" if state.open_until > now else "half-open"), state.open_until, state.why
    if cooling:
        soonest = min(cooling, key=lambda each: each.until)
        return ("dead key" if soonest.dead else "cooling"), soonest.until, soonest.why
    return ("failing", None, state.why) if state.failures else ("ok", None, "")


def _either(state: State, share: float) -> float | None:
    first = state.usual(share)
    return state.usual(share, stream=False) if first is None else first
