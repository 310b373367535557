"""Where things stand in the text of a TOML file, so that one thing can change and the rest stay.

The scanner only finds statements and their places in text that tomllib has already accepted; what
they mean is left to tomllib.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass

Path = tuple[str, ...]

_SPACE = re.compile(r"[ \t]*")
_KEY_PART = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
# One step inside a value: a string of any of the four kinds, a comment, a bracket, or plain text.
_VALUE_PART = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[\]{}]"
    r"|\n"
    r"""|[^"'#\[\]{}\n]+""",
    re.DOTALL,
)


@dataclass(frozen=True)
class KeyPart:
    """One part of a dotted key and its place in the text."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Statement:
    """A table header, or a `key = value`. `start` to `end` covers whole lines, comment included.

    `table` is the table in force, `key` the key as written; for a header, `key` is the header's.
    """

    kind: str  # "table" | "array" | "pair"
    table: Path
    key: tuple[KeyPart, ...]
    start: int
    end: int
    value_start: int = 0
    value_end: int = 0

    @property
    def path(self) -> Path:
        """The full path that the statement defines."""
        names = tuple(part.name for part in self.key)
        return self.table + names if self.kind == "pair" else names


def scan(text: str) -> list[Statement]:
    """The statements of a valid TOML text, in order."""
    statements: list[Statement] = []
    table: Path = ()
    position = 0
    while position < len(text):
        at = _end(_SPACE, text, position)
        if at >= len(text) or text[at] in "#\r\n":
            position = _line_end(text, at)
        elif text[at] == "[":
            kind = "array" if text.startswith("[[", at) else "table"
            key, after = _key(text, at + (2 if kind == "array" else 1))
            statement = Statement(kind, (), key, position, _line_end(text, after))
            table = statement.path
            statements.append(statement)
            position = statement.end
        else:
            key, after = _key(text, at)
            value_start = _end(_SPACE, text, _end(_SPACE, text, after) + 1)
            value_end = _value_end(text, value_start)
            end = _line_end(text, value_end)
            statements.append(Statement("pair", table, key, position, end, value_start, value_end))
            position = end
    return statements


def _key(text: str, at: int) -> tuple[tuple[KeyPart, ...], int]:
    parts: list[KeyPart] = []
    at = _end(_SPACE, text, at)
    while match := _KEY_PART.match(text, at):
        parts.append(KeyPart(_name(match[0]), match.start(), match.end()))
        dot = _DOT.match(text, match.end())
        if not dot:
            return tuple(parts), match.end()
        at = dot.end()
    raise ValueError(f"no key at offset {at}")


def _name(written: str) -> str:
    return written if written[0] not in "\"'" else next(iter(tomllib.loads(f"{written} = 0")))


def _value_end(text: str, at: int) -> int:
    """The end of the value that begins at `at`, white space behind it excluded."""
    depth, end = 0, at
    while match := _VALUE_PART.match(text, at):
        part = match[0]
        if depth == 0 and (part == "\n" or part[0] == "#"):
            break
        if part in "[{":
            depth += 1
        elif part in "]}":
            depth -= 1
        at = match.end()
        if part.strip() and part[0] != "#":
            end = match.start() + len(part.rstrip())
    return end


def _line_end(text: str, at: int) -> int:
    newline = text.find("\n", at)
    return len(text) if newline < 0 else newline + 1


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at
