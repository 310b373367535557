"""What is suggested for the word at the cursor, and what becomes of the text when one is chosen."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Event

from textual.widgets import TextArea
from textual.worker import WorkType

from llmctl.cli.streams import harmless
from llmctl.core.media import Attachment
from llmctl.tui.prompt.draft import SlashCommand
from llmctl.tui.prompt.files import paths_in, place_of
from llmctl.tui.prompt.suggestions import Suggestion, Suggestions
from llmctl.tui.prompt.words import Kind, Word, fitting, word_at

Attach = Callable[[str], Attachment | None]
"""Attaches the file of a path; None if that was refused."""


class Completion:
    """Follows the cursor. Opened by typing only, never by a text that is put into the editor."""

    def __init__(self, editor: TextArea, shown: Suggestions, folder: Path, attach: Attach) -> None:
        self.commands: Sequence[SlashCommand] = ()
        self._editor = editor
        self._shown = shown
        self._folder = folder
        self._attach = attach
        self._word: Word | None = None
        self._dismissed: tuple[Kind, int] | None = None
        self._paths: dict[str, list[str]] = {}
        self._looking: str | None = None

    @property
    def open(self) -> bool:
        """Whether there is a list to choose from."""
        return bool(self._shown.display)

    def follow(self, typed: bool) -> None:
        """The text or the cursor has changed."""
        if not typed and self._word is None:
            return
        row, column = self._editor.cursor_location
        word = word_at(row, self._editor.document[row][:column], self.commands)
        if word is None or not self._editor.selection.is_empty:
            self._dismissed = None
            self.close()
        elif (word.kind, word.start) != self._dismissed:
            self._dismissed = None
            self._word = word
            self._offer(word)

    def close(self) -> None:
        """Hide the list; files are looked for anew next time."""
        self._word = None
        self._paths = {}
        self._shown.offer(())

    def dismiss(self) -> bool:
        """Hide the list until another word is begun; whether there was one."""
        if not self.open or self._word is None:
            return False
        self._dismissed = self._word.kind, self._word.start
        self.close()
        return True

    def move(self, step: int) -> bool:
        """Mark another suggestion; whether there are any."""
        if self.open:
            self._shown.move(step)
        return self.open

    def take(self, entered: bool) -> bool:
        """Put the marked suggestion into the text. False, for Enter, if it stands there already.

        Where no list is open, Tab opens one if there is a word to complete.
        """
        word, chosen = self._word, self._shown.chosen
        if word is None or chosen is None:
            if entered:
                return False
            self._dismissed = None
            self.follow(typed=True)
            return self._word is not None
        if entered and word.kind is not Kind.MENTION and chosen.value == word.typed:
            self.close()
            return False
        self._insert(word, chosen.value)
        return True

    def _insert(self, word: Word, value: str) -> None:
        text = self._text_for(word, value)
        if text is None:
            self.close()
            return
        row, column = self._editor.cursor_location
        self._editor.replace(text, (row, word.start), (row, column), maintain_selection_offset=False)
        descends = value.endswith("/") and word.kind in (Kind.MENTION, Kind.PATH)
        if not descends and not text.endswith(" "):
            self.close()

    def _text_for(self, word: Word, value: str) -> str | None:
        """What the word becomes; None if it has to stay."""
        if word.kind is Kind.COMMAND:
            takes = any(command.name == value and command.takes for command in self.commands)
            return f"/{value}{' ' if takes else ''}"
        if word.kind is Kind.PATH:
            return value if value.startswith("~") or value.endswith("/") else shlex.quote(value)
        if word.kind is Kind.ARGUMENT:
            return value
        if value.endswith("/"):
            return f"@{value}"
        item = self._attach(value)
        return f"{item.name} " if item else None

    def _offer(self, word: Word) -> None:
        names = self._names(word)
        found = [name for name in fitting(word.typed, names) if not (name == word.typed and name.endswith("/"))]
        slash = "/" if word.kind is Kind.COMMAND else ""
        self._shown.offer([Suggestion(name, harmless(slash + name), harmless(names[name])) for name in found])

    def _names(self, word: Word) -> Mapping[str, str]:
        """All names that the word may become, each with a line about it."""
        if word.kind is Kind.COMMAND:
            return {command.name: command.about for command in self.commands}
        if word.kind is Kind.ARGUMENT:
            return word.command.words() if word.command and word.command.words else {}
        place = place_of(word.typed)
        if place not in self._paths and place != self._looking:
            self._looking = place
            look: WorkType[None] = partial(self._look, place)
            self._shown.run_worker(look, group="prompt-paths", exclusive=True)
        return dict.fromkeys(self._paths.get(place, ()), "")

    async def _look(self, place: str) -> None:
        """Find the paths in a thread, which ends soon after nobody waits for it any more."""
        stop = Event()
        try:
            paths = await asyncio.to_thread(paths_in, self._folder, place, stop)
        finally:
            stop.set()
            if self._looking == place:
                self._looking = None
        if self._word is not None:
            self._paths[place] = paths
            self.follow(typed=False)
