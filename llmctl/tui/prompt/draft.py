"""What stands in the prompt, and what a slash command is. Nothing here knows of a screen."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from llmctl.core.media import Attachment

Cursor = tuple[int, int]
"""Line and column, both from 0."""

_COMMAND = re.compile(r"/([a-z]+)(?:\s+(.*))?\Z", re.DOTALL)


@dataclass(frozen=True)
class Draft:
    """A message that isn't sent yet: its text, the cursor in it, and the files that go along."""

    text: str = ""
    cursor: Cursor = (0, 0)
    files: tuple[Attachment, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to send."""
        return not self.text.strip() and not self.files

    def after(self, other: Draft) -> Draft:
        """This one below another one; the cursor stays where it is in this one."""
        row, column = self.cursor
        cursor = row + other.text.count("\n") + 1, column
        return Draft(f"{other.text}\n{self.text}", cursor, (*other.files, *self.files))


@dataclass(frozen=True)
class SlashCommand:
    """A command for the list of suggestions. `words` gives its arguments with a line about each."""

    name: str
    takes: str
    about: str
    words: Callable[[], Mapping[str, str]] | None = None
    files: bool = False
    """Whether it takes paths."""


def clipped(text: str, cursor: Cursor) -> Cursor:
    """The place in the text that is nearest to the cursor."""
    lines = text.split("\n")
    row = min(max(0, cursor[0]), len(lines) - 1)
    return row, min(max(0, cursor[1]), len(lines[row]))


def end_of(text: str) -> Cursor:
    """Behind the last character."""
    return text.count("\n"), len(text) - text.rfind("\n") - 1


def command_in(text: str) -> tuple[str, str] | None:
    """Name and rest of a slash command; None for everything else, such as a path or a doubled slash."""
    match = _COMMAND.match(text.strip())
    return (match[1], (match[2] or "").strip()) if match else None


def unescaped(draft: Draft) -> Draft:
    """The draft to send: of two slashes at its start, one."""
    return replace(draft, text=draft.text[1:]) if draft.text.startswith("//") else draft
