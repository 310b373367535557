"""Completion of slash commands, and of what stands after them. Nothing is asked of the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from prompt_toolkit.completion import Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

if TYPE_CHECKING:
    from prompt_toolkit.completion import CompleteEvent

Names = Callable[[], Mapping[str, str]]
"""Gives names, each with a line about it."""


class SlashCompleter(Completer):
    """`commands` at the start of the line; after a command its own `words`, or the files of the folder."""

    def __init__(self, commands: Names, words: Mapping[str, Names], files: frozenset[str]) -> None:
        self._commands = commands
        self._words = words
        self._files = files
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Any]:
        text = document.text_before_cursor
        if not text.startswith("/") or "\n" in text:
            return
        command, space, rest = text.partition(" ")
        if not space:
            yield from _matching(self._commands(), command)
        elif command in self._files:
            last = rest.rpartition(" ")[2]
            yield from self._paths.get_completions(Document(last, len(last)), complete_event)
        elif command in self._words:
            yield from _matching(self._words[command](), rest)


def _matching(names: Mapping[str, str], typed: str) -> Iterator[Completion]:
    """Names that begin with what was typed, then those that hold it."""
    low = typed.lower()
    found = [name for name in names if low in name.lower()]
    for name in sorted(found, key=lambda name: not name.lower().startswith(low)):
        yield Completion(name, start_position=-len(typed), display_meta=names[name])
