"""Signals: who hears them, when they may end this process, and what Windows has instead."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any


class Ended(BaseException):
    """A signal ends this process, as soon as `tidy_end` lets it."""


if sys.platform == "win32":

    @contextlib.contextmanager
    def tidy_end(cancel: Callable[[], bool] | None = None) -> Iterator[None]:
        """Nothing to do: Windows ends programs without telling them."""
        yield

    @contextlib.contextmanager
    def held_back() -> Iterator[None]:
        """Nothing to do, see `tidy_end`."""
        yield

else:

    @contextlib.contextmanager
    def tidy_end(cancel: Callable[[], bool] | None = None) -> Iterator[None]:
        """SIGTERM and SIGHUP first leave this block, which ends what it started; then this process dies of them.

        They raise Ended where Ctrl-C raises at once, and elsewhere, in an event loop, `cancel` is called, which is
        to end the block soon and to say whether it can. A block inside another leaves it to that one; what is
        ignored (nohup) stays so.
        """
        if any(isinstance(signal.getsignal(number), _Tidy) for number in _ENDS):
            yield
            return
        tidy = _Tidy(cancel)
        before = _take_over(_ENDS, tidy)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            if tidy.caught is not None:
                os.kill(os.getpid(), tidy.caught)

    @contextlib.contextmanager
    def held_back() -> Iterator[None]:
        """Signals that would end this process count at the end of this block: what it starts is known then."""
        caught: list[int] = []
        before = _take_over((signal.SIGINT, *_ENDS), lambda number, _frame: caught.append(number))
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        for number in caught[:1]:
            os.kill(os.getpid(), number)

    class _Tidy:
        """The handler of `tidy_end`. Only the first signal counts: what follows must not stop the tidying."""

        def __init__(self, cancel: Callable[[], bool] | None) -> None:
            self.caught: int | None = None
            self._cancel = cancel

        def __call__(self, number: int, _frame: object) -> None:
            if self.caught is not None:
                return
            self.caught = number
            at_once = self._cancel is None or signal.getsignal(signal.SIGINT) is signal.default_int_handler
            if at_once:
                raise Ended(number)
            if self._cancel and not self._cancel():  # at a prompt, which would swallow it
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)

    _ENDS = (signal.SIGTERM, signal.SIGHUP)

    def _take_over(numbers: Sequence[int], handler: Callable[[int, object], None]) -> dict[int, Any]:
        """Handle these signals, but for those that are ignored; what handled them before."""
        before: dict[int, Any] = {}
        with contextlib.suppress(ValueError):  # only the main thread has a say
            for number in numbers:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    before[number] = signal.signal(number, handler)
        return before


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C ends what blocks in this block at once; an event loop would notice it only afterwards."""
    try:
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
    except ValueError:  # only the main thread has a say
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def on_reload(reload: Callable[[int], None]) -> None:
    """Call `reload` with the signal's number when one comes that asks for it: SIGHUP, where there is one."""
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, lambda number, _: reload(number))


def on_signals(loop: Any, stop: Callable[[], None], reload: Callable[[], None]) -> None:
    """Call `stop` on SIGTERM and Ctrl-C, `reload` on SIGHUP, in the turn of an asyncio loop."""
    if sys.platform == "win32":  # no signals for loops there
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, reload)
