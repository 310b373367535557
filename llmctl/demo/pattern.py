"""A string that matches a regular expression, for the expressions people put into schemas.

Knows literals, classes, groups, alternatives, anchors and counts. Lookarounds and
back-references are beyond it.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

_CLASSES = {
    "d": string.digits,
    "w": string.ascii_letters + string.digits + "_",
    "s": " ",
    "D": string.ascii_letters,
    "W": "-.:",
    "S": string.ascii_letters + string.digits,
}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}
_COUNT = re.compile(r"\{(\d*)(,?)(\d*)\}")
_MANY = 1000  # "at least so many" without an upper end
_LONGEST = 20_000


class Unsupported(ValueError):
    """An expression that is beyond this module."""


def matching(pattern: str, shortest: int, longest: int, nth: int) -> Iterator[str]:
    """Strings of the right length that match, fewest repetitions first."""
    try:
        expression = re.compile(pattern)
    except (re.error, RecursionError):
        raise Unsupported(pattern) from None
    for extra in (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256):
        text = _Writer(pattern, extra, nth).everything()
        if "$" not in pattern:
            text = text.ljust(shortest, "x")
        for candidate in (text, text[:shortest], text[:longest]):
            if shortest <= len(candidate) <= longest and expression.search(candidate):
                yield candidate


class _Writer:
    """Reads the expression once, left to right, and writes the shortest text for it.

    `extra` is how many more times than necessary anything repeatable is repeated.
    """

    def __init__(self, pattern: str, extra: int, nth: int) -> None:
        self.pattern = pattern
        self.at = 0
        self.extra = extra
        self.nth = nth

    def everything(self) -> str:
        text = self._alternatives()
        if self.at < len(self.pattern):
            raise Unsupported(self.pattern)
        return text

    def _peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def _take(self) -> str:
        taken = self._peek()
        if not taken:
            raise Unsupported(self.pattern)
        self.at += 1
        return taken

    def _alternatives(self) -> str:
        texts = [self._sequence()]
        while self._peek() == "|":
            self._take()
            texts.append(self._sequence())
        return texts[self.nth % len(texts)]

    def _sequence(self) -> str:
        written = ""
        while self._peek() not in ("", "|", ")"):
            text = self._atom()
            times = self._repetitions()
            if len(written) + len(text) * times > _LONGEST:
                raise Unsupported(self.pattern)
            written += text * times
        return written

    def _atom(self) -> str:
        char = self._take()
        if char == "(":
            return self._group()
        if char == "[":
            return self._pick(self._class())
        if char == "\\":
            return self._escape()
        if char == ".":
            return self._pick(string.ascii_lowercase)
        return "" if char in "^$" else char

    def _group(self) -> str:
        if self._peek() == "?":
            kind = re.compile(r"\?:|\?P?<[A-Za-z_]\w*>").match(self.pattern, self.at)
            if kind is None:
                raise Unsupported(self.pattern)
            self.at = kind.end()
        text = self._alternatives()
        if self._take() != ")":
            raise Unsupported(self.pattern)
        return text

    def _escape(self) -> str:
        char = self._take()
        if char in _CLASSES:
            return self._pick(_CLASSES[char])
        if char in "bBAZz":
            return ""
        return self._literal(char)

    def _literal(self, char: str) -> str:
        if char in "xu":
            digits = 2 if char == "x" else 4
            code = "".join(self._take() for _ in range(digits))
            return chr(int(code, 16))
        if char.isdigit() or char in "pPkK":
            raise Unsupported(self.pattern)
        return _ESCAPES.get(char, char)

    def _pick(self, chars: str) -> str:
        if not chars:
            raise Unsupported(self.pattern)
        return chars[self.nth % len(chars)]

    def _class(self) -> str:
        negated = self._peek() == "^"
        if negated:
            self._take()
        chars = self._class_member()
        while self._peek() != "]":
            chars += self._class_member()
        self._take()
        if not negated:
            return chars
        return "".join(c for c in string.ascii_letters + string.digits + " -_.:" if c not in chars)

    def _class_member(self) -> str:
        char = self._take()
        if char == "\\":
            escaped = self._take()
            if escaped in _CLASSES:
                return _CLASSES[escaped]
            char = "\b" if escaped == "b" else self._literal(escaped)
        if self._peek() != "-" or self.pattern[self.at + 1 : self.at + 2] in ("]", ""):
            return char
        self._take()
        end = self._take()
        if end == "\\":
            end = self._literal(self._take())
        return "".join(map(chr, range(ord(char), min(ord(end), ord(char) + 255) + 1)))

    def _repetitions(self) -> int:
        low, high = self._bounds()
        if self._peek() in ("?", "+") and (low, high) != (1, 1):
            self._take()  # lazy or possessive: the same strings match
        return min(low + self.extra, high)

    def _bounds(self) -> tuple[int, int]:
        simple = {"*": (0, _MANY), "+": (1, _MANY), "?": (0, 1)}
        if self._peek() in simple:
            return simple[self._take()]
        count = _COUNT.match(self.pattern, self.at)
        if count is None or count[0] in ("{}", "{,}"):
            return 1, 1
        self.at = count.end()
        low = int(count[1] or 0)
        high = int(count[3]) if count[3] else (_MANY if count[2] else low)
        return low, high
