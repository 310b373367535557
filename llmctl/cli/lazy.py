"""Groups of commands whose modules are imported when they run, not before."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from llmctl.cli.commands import Entry
from llmctl.cli.options import make_app
from llmctl.core.suggest import did_you_mean
from llmctl.errors import UsageError


class LazyGroup(TyperGroup):
    """Lists its commands from a table. Subclasses set `sections`: heading -> name -> entry."""

    sections: Mapping[str, Mapping[str, Entry]] = {}

    @property
    def table(self) -> dict[str, Entry]:
        return {name: entry for entries in self.sections.values() for name, entry in entries.items()}

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        entry = self.table.get(cmd_name)
        if entry is None:
            return None
        app = import_module(entry.module).app if entry.module else _make_group(entry)
        command: Any = typer.main.get_command(app)
        command.name = cmd_name
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if name not in self.table and not name.startswith("-"):
            raise UsageError(
                f"{ctx.command_path} has no command {name!r}",
                hint=did_you_mean(name, self.table) or f"see {ctx.command_path} --help",
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for heading, entries in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl([(name, entry.about) for name, entry in entries.items()])


def lazy_group(sections: Mapping[str, Mapping[str, Entry]]) -> type[LazyGroup]:
    """A group class for one table."""
    return type("Group", (LazyGroup,), {"sections": sections})


def _make_group(entry: Entry) -> typer.Typer:
    """An app that is nothing but a group of commands."""
    app = make_app(entry.about)
    group = lazy_group({"Commands": entry.commands})

    @app.callback(cls=group, help=entry.about, no_args_is_help=True, subcommand_metavar="COMMAND …")
    def only_a_group() -> None:
        """Only holds the commands."""

    return app
