"""Choosing one of several on a terminal: arrows or a part of the name, then Enter."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from llmctl.cli.streams import BOLD, DIM, Streams
from llmctl.core.suggest import nearest
from llmctl.errors import Interrupted
from llmctl.platforms import raw_keys

UP, DOWN = ("\x1b[A", "\x1bOA", "\x10", "\xe0H"), ("\x1b[B", "\x1bOB", "\x0e", "\xe0P", "\t")
MOST_ROWS = 12


class Picker:
    """The state of the choice: what was typed, which of the matching names is marked."""

    def __init__(self, names: Sequence[str], start: str | None) -> None:
        self.names = names
        self.typed = ""
        self.drawn = 0  # rows on the screen
        self.at = names.index(start) if start in names else 0

    @property
    def matches(self) -> list[str]:
        """Names that hold what was typed; else the nearest ones."""
        found = [name for name in self.names if self.typed.lower() in name.lower()]
        return found or nearest(self.typed, self.names)

    @property
    def chosen(self) -> str | None:
        return self.matches[self.at] if self.matches else None

    def key(self, key: str) -> None:
        """Take a key that is neither Enter nor a way out."""
        if key in UP or key in DOWN:
            self.at = (self.at + (1 if key in DOWN else -1)) % max(1, len(self.matches))
        elif key in ("\x7f", "\b"):
            self.typed, self.at = self.typed[:-1], 0
        elif key.isprintable():
            self.typed, self.at = self.typed + key, 0


def pick(streams: Streams, title: str, names: Sequence[str], start: str | None) -> str:
    """The chosen name. Raises Interrupted for Esc and Ctrl-C."""
    picker = Picker(names, start)
    with raw_keys() as read_key:
        try:
            while True:
                _draw(streams, title, picker)
                key = read_key()
                if key in ("\r", "\n") and picker.chosen:
                    return picker.chosen
                if key in ("\x1b", "\x03", "\x04"):
                    raise Interrupted("nothing chosen")
                picker.key(key)
        finally:
            _clear(streams, picker)


def _draw(streams: Streams, title: str, picker: Picker) -> None:
    rows = max(1, min(MOST_ROWS, shutil.get_terminal_size().lines - 2))
    first = max(0, picker.at - rows + 1)
    width = shutil.get_terminal_size().columns - 3
    lines = [f"{title}: {picker.typed}"[:width]]
    for number, name in enumerate(picker.matches[first : first + rows], first):
        marked = number == picker.at
        shown = name if len(name) <= width - 2 else f"{name[: width - 3]}…"
        lines.append(streams.paint(f"> {shown}", BOLD) if marked else streams.paint(f"  {shown}", DIM))
    _clear(streams, picker)
    picker.drawn = len(lines)  # before they are drawn: Ctrl-C may come in between
    streams.say("\n".join(lines))


def _clear(streams: Streams, picker: Picker) -> None:
    if picker.drawn:
        streams.say(f"\x1b[{picker.drawn}A\r\x1b[J", end="")
        picker.drawn = 0
