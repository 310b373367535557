"""Everything that the help says, as plain values. The texts are the commands' own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from llmctl import __version__
from llmctl.cli.commands import SECTIONS, Entry

Rows = tuple[tuple[str, str], ...]
"""(an option or argument as it is written, what it is)"""

_NO_FILL = "\b\n"
"""What Typer puts before a paragraph whose lines stay as they are."""


@dataclass(frozen=True)
class Command:
    """A command; a group has `commands`, and `runs` if it is a command as well.

    `text` are the paragraphs of its help, `examples` lines.
    """

    path: str
    about: str
    usage: str
    text: tuple[str, ...] = ()
    arguments: Rows = ()
    options: Rows = ()
    examples: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()
    runs: bool = True

    def leaves(self) -> list[Command]:
        """Itself if it runs, then the commands of the group."""
        return [*([self] if self.runs else []), *(leaf for each in self.commands for leaf in each.leaves())]


@dataclass(frozen=True)
class Reference:
    """The program. `start` are the overview's lines of where to begin, `topics` texts by name."""

    version: str
    about: str
    usage: str
    options: Rows
    start: tuple[str, ...]
    sections: tuple[tuple[str, tuple[Command, ...]], ...]
    topics: dict[str, str]


def read_reference(topics: Path) -> Reference:
    """Walk the tree of commands, importing all of them; the topics are the .txt files of a folder."""
    from llmctl.cli.app import app

    root: Any = typer.main.get_command(app)
    context = typer.Context(root, info_name="llmctl")
    sections = tuple(
        (heading, tuple(_command(name, entry, root, context) for name, entry in entries.items()))
        for heading, entries in SECTIONS.items()
    )
    return Reference(
        __version__,
        root.help,
        _usage(root, context),
        _rows(root, context, "option"),
        _examples(root.epilog),
        sections,
        {path.stem: path.read_text("utf-8") for path in sorted(topics.glob("*.txt"))},
    )


def _command(name: str, entry: Entry, group: Any, parent: Any) -> Command:
    found: Any = group.get_command(parent, name)
    context = typer.Context(found, info_name=name, parent=parent)
    return Command(
        context.command_path,
        entry.about,
        _usage(found, context),
        tuple(" ".join(part.split()) for part in (found.help or "").split("\n\n")),
        _rows(found, context, "argument"),
        _rows(found, context, "option"),
        _examples(found.epilog),
        tuple(_command(verb, inner, found, context) for verb, inner in entry.commands.items()),
        runs=bool(entry.module),
    )


def _usage(command: Any, context: Any) -> str:
    return " ".join([context.command_path, *command.collect_usage_pieces(context)])


def _rows(command: Any, context: Any, kind: str) -> Rows:
    """The visible parameters of a kind, as --help shows them."""
    records = (part.get_help_record(context) for part in command.params if part.param_type_name == kind)
    return tuple((record[0], " ".join(record[1].split())) for record in records if record)


def _examples(epilog: str | None) -> tuple[str, ...]:
    """The lines below the heading of the epilog's first block."""
    block = (epilog or "").split("\n\n")[0].removeprefix(_NO_FILL)
    return tuple(line.removeprefix("  ") for line in block.splitlines()[1:])
