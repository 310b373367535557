"""The entry that is being written: only what changes of it is drawn."""

from __future__ import annotations

from llmctl.tui.transcript.entry import Entry, ReasoningPart, TextPart
from llmctl.tui.transcript.line import Line
from llmctl.tui.transcript.live import LiveMarkdown, LivePlain
from llmctl.tui.transcript.markdown import CODES, Renderer
from llmctl.tui.transcript.message import Messages


class LiveEntry:
    """Draws an entry whose last part grows. Its data are kept up to date with what is drawn."""

    def __init__(self, entry: Entry, messages: Messages, opened: set[int]) -> None:
        self.entry = entry
        self._messages = messages
        self._opened = opened
        self._bodies: list[list[Line]] = []
        self._live: LiveMarkdown | LivePlain | None = None
        self.redraw_parts()

    def append(self, text: str, reasoning: bool) -> None:
        """Text of a part; a part of the other kind ends the one before."""
        kind = ReasoningPart if reasoning else TextPart
        parts = self.entry.parts
        if not parts or type(parts[-1]) is not kind:
            self._end_part()
            parts.append(kind(""))
            self._bodies.append([])
            self._live = self._grown(len(parts) - 1)
        part = parts[-1]
        assert isinstance(part, TextPart | ReasoningPart)
        part.text += text
        if self._live is not None:
            self._live.feed(text)

    def redraw_parts(self) -> None:
        """Draw all parts anew: a call of a tool was added or has its result, or a part was folded."""
        self._end_part()
        parts = self.entry.parts
        self._bodies = [self._messages.part(self.entry, number, self._opened) for number in range(len(parts))]
        last = parts[-1] if parts else None
        if isinstance(last, TextPart | ReasoningPart):
            self._live = self._grown(len(parts) - 1)
            if self._live is not None:
                self._live.feed(last.text)

    def redraw_part(self, number: int) -> None:
        """Draw one part anew, such as a call of a tool that has its result."""
        self._bodies[number] = self._messages.part(self.entry, number, self._opened)

    def add_part(self) -> None:
        """The entry's data have one part more."""
        self._end_part()
        self._bodies.append(self._messages.part(self.entry, len(self.entry.parts) - 1, self._opened))

    def lines(self) -> list[Line]:
        number = len(self._bodies) - 1
        if self._live is not None:
            self._live.draw()
            self._bodies[-1] = self._framed(number, self._live.lines)
        elif number >= 0 and isinstance(self.entry.parts[-1], ReasoningPart):
            self.redraw_part(number)
        return self._messages.framed(self.entry, self._bodies)

    def finish(self) -> list[Line]:
        """All lines, as they would be drawn at once."""
        self._end_part()
        return self._messages.framed(self.entry, self._bodies)

    def _grown(self, number: int) -> LiveMarkdown | LivePlain | None:
        """What draws a part as it grows; None for reasoning that is folded."""
        if isinstance(self.entry.parts[number], TextPart):
            if self.entry.role == "assistant":
                renderer = Renderer(self._messages.palette, self._messages.width)
                return LiveMarkdown(renderer, number * CODES)
            return LivePlain(self._messages.palette.text, self._messages.width)
        if number in self._opened:
            return LivePlain(self._messages.palette.dim, self._messages.width - 2)
        return None

    def _framed(self, number: int, lines: list[Line]) -> list[Line]:
        part = self.entry.parts[number]
        if not isinstance(part, ReasoningPart):
            return lines
        head = self._messages.reasoning_head(part.text, number, True, True)
        return [head, *self._messages.behind_bar(lines)]

    def _end_part(self) -> None:
        """The last part doesn't grow any more."""
        if not self._bodies:
            return
        number = len(self._bodies) - 1
        if isinstance(self._live, LiveMarkdown):
            self._bodies[-1] = self._live.finish()
        else:
            state, self.entry.state = self.entry.state, "complete"  # it is over, so nothing of it is shown folded
            self.redraw_part(number)
            self.entry.state = state
        self._live = None
