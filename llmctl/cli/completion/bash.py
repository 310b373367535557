"""How bash writes words: the line as it was typed taken apart, and candidates put the way it takes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_SPECIAL = re.compile(r"([^\w@%+=:,./~-])")
_ESCAPABLE = '"\\$`'


@dataclass
class Typed:
    """The words before the cursor's, and the cursor's own, without quotes and backslashes.

    Readline replaces only what follows the last break (a character of COMP_WORDBREAKS, or the quote
    that is still open): `kept` characters of the cursor's word stay as they are.
    """

    words: list[str] = field(default_factory=list)
    current: str = ""
    kept: int = 0
    quote: str = ""

    def insertion(self, value: str) -> str:
        """What readline is to put in place of what follows the last break."""
        rest = value[self.kept :]
        if self.quote == "'":
            return rest.replace("'", "'\\''")
        if self.quote:
            return re.sub(r'(["\\$`])', r"\\\1", rest)
        return _SPECIAL.sub(r"\\\1", rest)


def read_typed(text: str, breaks: str) -> Typed:
    """The line up to the cursor; `breaks` is COMP_WORDBREAKS."""
    typed = Typed()
    word: str | None = None
    letters = iter(text)
    for letter in letters:
        if typed.quote:
            word = (word or "") + _quoted(letter, letters, typed)
        elif letter.isspace():
            typed.words += [] if word is None else [word]
            word, typed.kept = None, 0
        elif letter in "'\"":
            word = word or ""
            typed.quote, typed.kept = letter, len(word)
        elif letter == "\\":
            word = (word or "") + next(letters, "")
        else:
            word = (word or "") + letter
            typed.kept = len(word) if letter in breaks else typed.kept
    typed.words, typed.current = typed.words[1:], word or ""
    return typed


def _quoted(letter: str, letters: Iterator[str], typed: Typed) -> str:
    """What a letter inside quotes stands for."""
    if letter == typed.quote:
        typed.quote = ""
        return ""
    if letter == "\\" and typed.quote == '"':
        following = next(letters, "")
        return following if following in _ESCAPABLE else letter + following
    return letter
