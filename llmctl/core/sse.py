"""Server-sent events, from bytes in any portions to (event name, data) pairs.

Follows the WHATWG algorithm with the leniency that real providers need: any of the three line
ends, a missing final blank line, no limit on how a portion is cut. `id` and `retry` are ignored.
"""

from __future__ import annotations

from llmctl.errors import NotUnderstood

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""Larger events are refused, so that an endless line can't fill the memory. Images fit."""

_BOM = b"\xef\xbb\xbf"


class SSEDecoder:
    """Feed bytes, get events. One instance a stream."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_event_bytes
        self._unfinished: list[bytes] = []  # portions of a line whose end hasn't come
        self._data: list[bytes] = []
        self._held = 0  # bytes held in _data, one more for each line
        self._size = 0  # bytes held in the two lists above
        self._event = ""
        self._first_line = True
        self._skip_newline = False  # the last portion ended in \r: a \n that follows belongs to it

    def feed(self, portion: bytes) -> list[tuple[str, bytes]]:
        """The events completed by this portion. Raises NotUnderstood for an event over the limit."""
        if self._skip_newline and portion:
            self._skip_newline = False
            if portion[:1] == b"\n":
                portion = portion[1:]
        if not portion:
            return []
        lines = portion.splitlines()
        last = portion[-1]
        if last == 13:
            self._skip_newline = True
        rest = b"" if last == 10 or last == 13 else lines.pop()
        if not lines:
            self._hold(len(rest))
            self._unfinished.append(rest)
            return []
        if self._unfinished:
            lines[0] = b"".join([*self._unfinished, lines[0]])
            self._unfinished.clear()
            self._size = self._held
        events = self._lines(lines)
        if rest:
            self._unfinished.append(rest)
            self._hold(len(rest))
        return events

    def flush(self) -> list[tuple[str, bytes]]:
        """What is left at the end of the stream: an event whose blank line never came."""
        rest = b"".join(self._unfinished)
        self._unfinished = []
        return self._lines([rest, b""] if rest else [b""])

    def _hold(self, size: int) -> None:
        self._size += size
        if self._size > self._max:
            raise NotUnderstood(f"the provider sent a stream event of more than {self._max} bytes")

    def _lines(self, lines: list[bytes]) -> list[tuple[str, bytes]]:
        if self._first_line and lines:
            self._first_line = False
            lines[0] = lines[0].removeprefix(_BOM)
        events: list[tuple[str, bytes]] = []
        data = self._data
        for line in lines:
            if line[:6] == b"data: ":
                data.append(line[6:])
            elif not line:
                if data:
                    events.append((self._event, data[0] if len(data) == 1 else b"\n".join(data)))
                    data.clear()
                    self._held = 0
                self._event = ""
                continue
            elif line[:5] == b"data:":
                data.append(line[5:])
            elif line == b"data":
                data.append(b"")
            else:
                if line[:6] == b"event:":
                    self._event = line[6:].strip().decode("utf-8", "replace")
                continue
        if data:
            self._held += sum(map(len, lines)) + len(lines)
        self._size = self._held
        self._hold(0)
        return events
