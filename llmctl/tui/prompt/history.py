"""Earlier prompts, and the way back to the one that was being typed."""

from __future__ import annotations

from collections.abc import Sequence

from llmctl.tui.prompt.draft import Cursor, end_of

Line = tuple[str, Cursor]
"""A text and the cursor in it."""


class History:
    """Where one is among the earlier prompts. What was changed on the way is kept until something is sent."""

    def __init__(self, entries: Sequence[str] = ()) -> None:
        self._entries: list[str] = []
        self._at = 0
        self._left: dict[int, Line] = {}
        self.entries = entries

    @property
    def entries(self) -> Sequence[str]:
        """All prompts, oldest first."""
        return tuple(self._entries)

    @entries.setter
    def entries(self, entries: Sequence[str]) -> None:
        self._entries = list(entries)
        self.restart()

    def remember(self, text: str) -> None:
        """Make the text the newest entry, unless it is that already, or blank."""
        if text.strip() and self._entries[-1:] != [text]:
            self._entries.append(text)
        self.restart()

    def restart(self) -> None:
        """Go back to the end: the next step leads to the newest entry."""
        self._at = len(self._entries)
        self._left = {}

    def draft(self) -> Line | None:
        """What was being typed before the first step back, if one is among the earlier prompts."""
        return self._left.get(len(self._entries)) if self._at < len(self._entries) else None

    def step(self, by: int, current: Line) -> Line | None:
        """The prompt `by` steps later (or earlier, when negative); None where there is none."""
        target = self._at + by
        if not 0 <= target <= len(self._entries):
            return None
        self._left[self._at] = current
        self._at = target
        if target in self._left:
            return self._left[target]
        text = self._entries[target]
        return text, end_of(text)
