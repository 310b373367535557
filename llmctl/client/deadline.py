"""The four time limits of a request, each with its own error."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from llmctl.config.target import Timeouts
from llmctl.errors import ConnectTimeout, FirstTokenTimeout, IdleTimeout, TimedOut, TotalTimeout


class Deadline:
    """Says how long a transport may still wait, and makes the error of the limit that ran out.

    `total` runs over all attempts. `connect` runs while connecting (a proxy's tunnel and TLS
    included), `first_token` in each streamed attempt until `token()`, `idle` from then on, from one
    portion of bytes to the next. Whole answers know only `connect` and `total`.
    """

    def __init__(self, limits: Timeouts, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._clock = clock
        self._ends: dict[type[TimedOut], float] = {TotalTimeout: clock() + limits.total}
        self._address = ""

    def start_attempt(self, streamed: bool) -> None:
        """A request is about to be sent."""
        self._ends = {TotalTimeout: self._ends[TotalTimeout]}
        if streamed:
            self._ends[FirstTokenTimeout] = self._clock() + self.limits.first_token

    def connecting(self, address: str) -> None:
        """A connection to the address (as people know it) is being made."""
        self._address = address
        self._ends[ConnectTimeout] = self._clock() + self.limits.connect

    def connected(self) -> None:
        """The request itself goes out now."""
        self._ends.pop(ConnectTimeout, None)

    def pause(self) -> None:
        """Whoever uploads the request is to send the next portion: the time is theirs."""
        self._ends[TotalTimeout] = math.inf

    def resume(self) -> None:
        """The portion has come: the total counts anew."""
        self._ends[TotalTimeout] = self._clock() + self.limits.total

    def token(self) -> None:
        """The first token of a stream has come: from here on, silence counts."""
        if self._ends.pop(FirstTokenTimeout, None) is not None:
            self._ends[IdleTimeout] = self._clock() + self.limits.idle

    def alive(self) -> None:
        """Bytes have come."""
        if IdleTimeout in self._ends:
            self._ends[IdleTimeout] = self._clock() + self.limits.idle

    def remaining(self) -> float:
        """Seconds left, above 0. Raises the TimedOut error of the limit that ran out."""
        left = min(self._ends.values()) - self._clock()
        if left <= 0:
            raise self.error()
        return left

    def allows(self, seconds: float) -> bool:
        """Whether that long a wait ends before the total limit."""
        return self._clock() + seconds < self._ends[TotalTimeout]

    def error(self) -> TimedOut:
        """The error of the limit that runs out first."""
        kind = min(self._ends, key=self._ends.__getitem__)
        limits = self.limits
        if kind is ConnectTimeout:
            return ConnectTimeout(
                f"no connection to {self._address} within {limits.connect:g} s (timeout.connect)",
                hint="is the address right, and is the server up?",
            )
        if kind is FirstTokenTimeout:
            return FirstTokenTimeout(
                f"no token came within {limits.first_token:g} s (timeout.first_token)",
                hint="a model that is loading or thinking may need more: timeout.first_token in the profile",
            )
        if kind is IdleTimeout:
            return IdleTimeout(f"nothing came for {limits.idle:g} s in the middle of the answer (timeout.idle)")
        return TotalTimeout(
            f"the answer was not complete within {limits.total:g} s (timeout.total)",
            hint="raise it with --timeout SECONDS or timeout.total in the profile",
        )
