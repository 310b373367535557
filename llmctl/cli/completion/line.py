"""Understands a line as far as it has been typed: which command, what was given, what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from llmctl.cli.commands import COMMANDS, Entry
from llmctl.cli.completion.source import HELP, Parameter, Reader


@dataclass
class Line:
    """What the words before the cursor say. `known` is False where no command has that name."""

    command: str = ""
    commands: Mapping[str, Entry] = field(default_factory=lambda: COMMANDS)
    parameters: list[Parameter] = field(default_factory=list)
    given: dict[str, list[str]] = field(default_factory=dict)
    arguments: int = 0
    read: int = 0
    program_at: int | None = None
    waiting: Parameter | None = None
    literal: bool = False
    known: bool = True

    def option(self, name: str) -> Parameter | None:
        """The option of that name."""
        return next((parameter for parameter in self.parameters if name in parameter.names), None)

    def argument(self) -> Parameter | None:
        """The argument that comes next."""
        arguments = [parameter for parameter in self.parameters if not parameter.names]
        if self.arguments < len(arguments):
            return arguments[self.arguments]
        return arguments[-1] if arguments and arguments[-1].repeatable else None

    def value(self, field: str) -> str | None:
        """The last value that was given to a parameter."""
        return self.given.get(field, [None])[-1]

    @property
    def program(self) -> int:
        """How many words stand before another program's line, which begins with the first argument."""
        return self.read if self.program_at is None else self.program_at

    def offered(self) -> list[Parameter]:
        """The options that may still be given."""
        return [p for p in self.parameters if p.names and (p.repeatable or p.field not in self.given)]


def read_line(words: Sequence[str], reader: Reader) -> Line:
    """Read the words between the program's name and the cursor's word."""
    line = Line(parameters=reader.root(), read=len(words))
    for at, word in enumerate(words):
        if line.waiting:
            line.given.setdefault(line.waiting.field, []).append(word)
            line.waiting = None
        elif line.literal or not word.startswith("-") or word == "-":
            _take_word(line, word, at, reader)
        elif word == "--":
            line.literal = True
        else:
            parameter, value = split_option(line, word)
            if parameter and value is None and not parameter.flag:
                line.waiting = parameter
            elif parameter:
                line.given.setdefault(parameter.field, []).append(value or "")
    return line


def split_option(line: Line, word: str) -> tuple[Parameter | None, str | None]:
    """The option of a word, and the value that stands in the same word: --name=value, -nvalue, -qnvalue.

    Flags among the letters before the last count as given.
    """
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return line.option(name), value if equals else None
    parameter = None
    for at, letter in enumerate(word[1:], 2):
        parameter = line.option(f"-{letter}")
        if parameter is None or not parameter.flag:
            return parameter, word[at:] or None
        line.given.setdefault(parameter.field, []).append("")
    return parameter, None


def _take_word(line: Line, word: str, at: int, reader: Reader) -> None:
    """A command's name, or an argument."""
    if not line.commands:
        argument = line.argument()
        line.program_at = at if line.program_at is None else line.program_at
        if argument:
            line.given.setdefault(argument.field, []).append(word)
            line.literal = line.literal or argument.name in TAKES_THE_REST
        line.arguments += 1
        return
    entry = line.commands.get(word)
    line.known = line.known and entry is not None
    if entry:
        line.command = f"{line.command} {word}".lstrip()
        line.commands = entry.commands
        line.parameters = reader.command(entry.module) if entry.module else [HELP]


TAKES_THE_REST = ("COMMAND",)
"""Arguments behind which every word belongs to another program."""
