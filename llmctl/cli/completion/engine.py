"""What may stand at the cursor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmctl.cli.completion.line import Line, read_line, split_option
from llmctl.cli.completion.names import Candidate, Place
from llmctl.cli.completion.source import Parameter, Reader
from llmctl.cli.completion.values import COMMANDS, values_of


@dataclass(frozen=True)
class Answer:
    """Candidates for the whole word at the cursor, or a directive to the shell and the number it needs."""

    candidates: Sequence[Candidate] = ()
    directive: str = ""


def complete(words: Sequence[str], current: str, env: Mapping[str, str], folder: Path) -> Answer:
    """The answer for the words before the cursor's word, and what of that word stands before the cursor.

    Candidates are not yet narrowed down to those that begin with `current`.
    """
    line = read_line(words, Reader())
    if not line.known:
        return Answer()
    if line.waiting:
        return _values(line.waiting, "", Place(line, current, env, folder))
    if current.startswith("-") and not line.literal:
        return _option(line, current, env, folder)
    if line.commands:
        return Answer([Candidate(name, entry.about) for name, entry in line.commands.items()])
    argument = line.argument()
    if argument:
        return _values(argument, "", Place(line, current, env, folder))
    return Answer([] if line.literal or current else list(_options(line, current)))


def _option(line: Line, current: str, env: Mapping[str, str], folder: Path) -> Answer:
    """An option's name, or the value that stands in the same word."""
    parameter, value = split_option(line, current)
    if value is not None and parameter and not parameter.flag:
        head = current[: len(current) - len(value)]
        return _values(parameter, head, Place(line, value, env, folder))
    if (
        len(current) == 2 and current != "--" and parameter and not parameter.flag
    ):  # -p: a value may follow at once
        return Answer([Candidate(current, parameter.about)])
    return Answer(list(_options(line, current)))


def _options(line: Line, current: str) -> list[Candidate]:
    """The options not given yet; short names only where one is being typed."""
    return [
        Candidate(name, parameter.about)
        for parameter in line.offered()
        for name in parameter.names
        if name.startswith("--") or current == "-"
    ]


def _values(parameter: Parameter, head: str, place: Place) -> Answer:
    values = values_of(parameter, place.line)
    if values == COMMANDS:
        return Answer(directive=f"{values} {place.line.program}")
    if isinstance(values, str):
        return Answer(directive=f"{values} {len(head)}")
    found = [Candidate(word) for word in values] if isinstance(values, tuple) else values(place)
    return Answer([Candidate(head + value, about) for value, about in found])
