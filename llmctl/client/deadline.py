"""The four time limits of a request, each with its own error."""

from __future__ import annotations

import time
from collections.abc import Callable

from llmctl.config.target import Timeouts
from llmctl.errors import ConnectTimeout, FirstTokenTimeout, IdleTimeout, TimedOut, TotalTimeout


class Deadline:
    """Says how long a transport may still wait, and raises the error of the limit that ran out.

    `total` runs over all attempts. `first_token` runs in each streamed attempt until `token()`,
    `idle` from then on, from one portion of bytes to the next. Whole answers have only `total`.
    """

    def __init__(self, limits: Timeouts, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._clock = clock
        self._total_end = clock() + limits.total
        self._phase: type[TimedOut] = TotalTimeout
        self._phase_end = self._total_end

    def start_attempt(self, streamed: bool) -> None:
        """A request is about to be sent."""
        if streamed:
            self._phase, self._phase_end = FirstTokenTimeout, self._clock() + self.limits.first_token
        else:
            self._phase, self._phase_end = TotalTimeout, self._total_end

    def token(self) -> None:
        """The first token has come: from here on, silence counts."""
        self._phase = IdleTimeout
        self.alive()

    def alive(self) -> None:
        """Bytes have come."""
        if self._phase is IdleTimeout:
            self._phase_end = self._clock() + self.limits.idle

    def remaining(self) -> float:
        """Seconds left, above 0. Raises the TimedOut error of the limit that ran out."""
        left = min(self._phase_end, self._total_end) - self._clock()
        if left <= 0:
            raise self.error()
        return left

    def connect_seconds(self) -> float:
        return min(self.limits.connect, self.remaining())

    def allows(self, seconds: float) -> bool:
        """Whether that long a wait ends before the total limit."""
        return self._clock() + seconds < self._total_end

    def connect_error(self, address: str) -> TimedOut:
        return ConnectTimeout(
            f"no connection to {address} within {self.limits.connect:g} s (timeout.connect)",
            hint="is the address right, and is the server up?",
        )

    def error(self) -> TimedOut:
        """The error of the limit that runs out first."""
        if self._total_end <= self._phase_end or self._phase is TotalTimeout:
            return TotalTimeout(
                f"the answer was not complete within {self.limits.total:g} s (timeout.total)",
                hint="raise it with --timeout SECONDS or timeout.total in the profile",
            )
        if self._phase is FirstTokenTimeout:
            return FirstTokenTimeout(
                f"no token came within {self.limits.first_token:g} s (timeout.first_token)",
                hint="a model that is loading or thinking may need more: timeout.first_token in the profile",
            )
        return IdleTimeout(f"nothing came for {self.limits.idle:g} s in the middle of the answer (timeout.idle)")
