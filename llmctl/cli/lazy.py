"""Groups of commands whose modules are imported when they run, not before."""

from __future__ import annotations

import functools
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from llmctl.cli.options import make_app
from llmctl.core.suggest import did_you_mean
from llmctl.errors import UsageError

Table = dict[str, tuple[str, str]]
"""Command name -> (module that holds `app`, one line of help)."""


class LazyGroup(TyperGroup):
    """Lists its commands from a table. Subclasses set `table`."""

    table: Table = {}  # noqa: RUF012 - never changed

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.table:
            return None
        command: Any = typer.main.get_command(import_module(self.table[cmd_name][0]).app)
        command.name = cmd_name
        for parameter in command.params:
            if parameter.required and parameter.metavar:  # Typer would show {NAME}
                parameter.make_metavar = functools.partial(_metavar, parameter.metavar)
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
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.table.items()])


def _metavar(name: str, ctx: Any, usage: bool = False) -> str:
    return name


def lazy_group(table: Table) -> type[LazyGroup]:
    """A group class for one table."""
    return type("Group", (LazyGroup,), {"table": table})


def make_group(help_text: str, table: Table) -> typer.Typer:
    """An app that is nothing but a group of commands."""
    app = make_app(help_text)

    @app.callback(cls=lazy_group(table), help=help_text, no_args_is_help=True, subcommand_metavar="COMMAND …")
    def group() -> None:
        """Only holds the commands."""

    return app
