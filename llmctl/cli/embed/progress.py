"""A progress bar on stderr, on a terminal only."""

from __future__ import annotations

import shutil

from llmctl.cli.streams import Streams


class Progress:
    """Counts texts; draws one line over itself, gone at the end."""

    def __init__(self, streams: Streams, total: int, done: int, long: bool) -> None:
        self._streams = streams
        self._total = total
        self._done = done
        self._shown = long and streams.error_terminal
        self._draw()

    def advance(self, count: int) -> None:
        self._done += count
        self._draw()

    def end(self) -> None:
        if self._shown:
            self._streams.say("\r\x1b[K", end="")

    def _draw(self) -> None:
        if not self._shown:
            return
        counts = f" {self._done}/{self._total} texts"
        width = max(0, min(40, shutil.get_terminal_size().columns - len(counts) - 1))
        full = width * self._done // self._total
        self._streams.say(f"\r\x1b[K{'█' * full}{'░' * (width - full)}{counts}", end="")
