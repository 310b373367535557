"""The word at the cursor that can be completed, and which names fit what was typed of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from heapq import nsmallest
from itertools import islice

from llmctl.tui.prompt.draft import SlashCommand

MOST_SHOWN = 50

_MENTION = re.compile(r"(?:^|\s)@(\S*)\Z")


class Kind(Enum):
    """What can be completed."""

    COMMAND = "command"
    ARGUMENT = "argument"
    PATH = "path"
    MENTION = "mention"


@dataclass(frozen=True)
class Word:
    """What was typed of a word, from column `start` of the cursor's line to the cursor."""

    kind: Kind
    start: int
    typed: str
    command: SlashCommand | None = None


def word_at(row: int, before: str, commands: Sequence[SlashCommand]) -> Word | None:
    """The word that ends at the cursor; `before` is its line up to there."""
    if row == 0 and before.startswith("/") and not before.startswith("//"):
        name, space, rest = before[1:].partition(" ")
        if not space:
            return Word(Kind.COMMAND, 0, name)
        known = next((command for command in commands if command.name == name), None)
        if known and known.files:
            last = rest.rpartition(" ")[2]
            return Word(Kind.PATH, len(before) - len(last), last, known)
        if known and known.words:
            return Word(Kind.ARGUMENT, len(name) + 2, rest, known)
        if known:
            return None
    match = _MENTION.search(before)
    return Word(Kind.MENTION, match.start(1) - 1, match[1]) if match else None


def fitting(typed: str, names: Iterable[str]) -> list[str]:
    """The names that hold the letters of what was typed in their order, best first."""
    if not typed:
        return list(islice(names, MOST_SHOWN))
    low = typed.lower()
    ranked = ((rank, name) for name in names if (rank := _rank(low, name.lower())) is not None)
    return [name for _, name in nsmallest(MOST_SHOWN, ranked, key=lambda pair: pair[0])]


def _rank(typed: str, name: str) -> tuple[int, int, int] | None:
    """How badly a name fits: whole, from its start, from the start of its last part, anywhere, scattered."""
    at = name.find(typed)
    if at < 0:
        spread = _spread(typed, name)
        return None if spread is None else (4, spread, len(name))
    if name == typed:
        return 0, 0, 0
    path = name.rstrip("/")
    last = path.rfind("/") + 1
    if at == 0:
        return 1, path.count("/"), len(name)
    if name.startswith(typed, last):
        return 2, 0, len(name)
    return 3, at, len(name)


def _spread(typed: str, name: str) -> int | None:
    """Over how many characters the letters are scattered; None if some are missing."""
    first = at = -1
    for letter in typed:
        at = name.find(letter, at + 1)
        if at < 0:
            return None
        first = at if first < 0 else first
    return at - first
