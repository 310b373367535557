"""An upstream's event stream on its way to the client: cut into whole events, which go on as they came."""

from __future__ import annotations

import re
from typing import Any

from llmctl.core.sse import MAX_EVENT_BYTES
from llmctl.errors import LlmctlError, NotUnderstood, StreamBroken
from llmctl.gateway.jsontext import loads

PING = b": ping\n\n"
_END = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n|\r\n\n|\n\r(?=[^\n])")
"""A blank line. Where it may go on with the next byte it must be there, so that portions make no difference."""


class EventTap:
    """One stream: `feed` bytes, get the events that may go on. What they mean, the dialects know."""

    closing = b""
    """What a client still needs after the last event of an answer that is complete."""

    def __init__(self) -> None:
        self.begun = False
        """A first token has come."""
        self.done = False
        """The event that ends the stream has come."""
        self.over = False
        """The answer is; at most a formality follows."""
        self.events = 0
        """So many have come, most of them with about a token each."""
        self.usage: Any = None
        """The provider's last `usage` object, decoded."""
        self.model = ""
        self.failure: LlmctlError | None = None
        """What is wrong with the event after those that were passed on."""
        self.told: LlmctlError | None = None
        """What the provider's own events have told the client of."""
        self.reasons: dict[int, str] = {}
        """Finish reason of each choice that has ended."""
        self._parts: list[bytes] = []
        self._tail = b""  # the last bytes of what is held: an event's end may be cut in two
        self._held = 0

    @property
    def complete(self) -> bool:
        """Whether the answer is, even if its last event is missing."""
        raise NotImplementedError

    def _event(self, event: bytes) -> bytes:
        """The event as it goes on; b"" for none. Raises what is wrong with it."""
        raise NotImplementedError

    def feed(self, data: bytes) -> list[bytes]:
        """The whole events so far, up to a `failure`: the provider's in-band error, or NotUnderstood."""
        if self._parts:
            if not _END.search(self._tail + data):
                self._hold(data)
                return []
            data = b"".join([*self._parts, data])
            self._parts, self._held, self._tail = [], 0, b""
        passed: list[bytes] = []
        start = 0
        if b"\r" in data:
            ends = [match.end() for match in _END.finditer(data)]
        else:
            ends = []
            at = data.find(b"\n\n")
            while at >= 0:
                ends.append(at + 2)
                at = data.find(b"\n\n", at + 2)
        self.events += len(ends)
        for end in ends:
            try:
                event = self._event(data[start:end])
            except LlmctlError as error:
                self.failure = error
                return passed
            start = end
            if event:
                passed.append(event)
            if self.done:
                return passed
        if start < len(data):
            self._hold(data[start:])
        return passed

    def _hold(self, data: bytes) -> None:
        """Keep a part of an event whose end hasn't come."""
        self._parts.append(data)
        self._tail = (self._tail + data)[-3:] if len(data) < 3 else data[-3:]
        self._held += len(data)
        if self._held > MAX_EVENT_BYTES:
            self.failure = NotUnderstood(f"the provider sent a stream event of more than {MAX_EVENT_BYTES} bytes")

    def finish(self) -> list[bytes]:
        """The last events of a stream whose bytes have ended. Raises StreamBroken where its end is missing."""
        rest, self._parts = b"".join(self._parts), []
        events = [self._last(rest)] if rest.strip() else []
        if not self.done and self.begun:
            if not self.complete:
                raise StreamBroken("the stream broke off before the answer was complete")
            events.append(self.closing)
            self.done = True
        return [event for event in events if event]

    def _last(self, rest: bytes) -> bytes:
        """An event whose blank line is missing. One that is cut short says nothing that can be relied on."""
        event = rest.rstrip(b"\r\n") + b"\n\n"
        _, payload = fields_of(event)
        try:
            if payload and payload != b"[DONE]":
                loads(payload)
            return self._event(event)
        except NotUnderstood:
            if self.complete:
                return b""
            raise StreamBroken("the stream broke off in the middle of an event") from None


def fields_of(event: bytes) -> tuple[str, bytes]:
    """(event name, joined data lines)."""
    name, data = "", []
    for line in event.removeprefix(b"\xef\xbb\xbf").splitlines():
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif line.startswith(b"event:"):
            name = line[6:].strip().decode("utf-8", "replace")
    return name, b"\n".join(data).strip()
