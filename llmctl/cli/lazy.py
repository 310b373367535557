"""Groups of commands whose modules are imported when they run, not before."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from llmctl.cli.commands import Entry
from llmctl.cli.onecommand import format_parameters, with_values
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
        command = _make_command(entry)
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


class CommandGroup(LazyGroup):
    """A command with options of its own that also holds commands. It runs itself where none is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, with_values(self, args))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        format_parameters(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Raises UsageError for options in front of another command, which would be lost."""
        for option in self.params:
            source = ctx.get_parameter_source(option.name)
            if not getattr(option, "hidden", False) and source and source.name == "COMMANDLINE":
                raise UsageError(
                    f"{option.opts[0]} is an option of {ctx.command_path}, not of {ctx.command_path} {args[0]}",
                    hint=f"see {ctx.command_path} {args[0]} --help",
                )
        return super().resolve_command(ctx, args)


def lazy_group(sections: Mapping[str, Mapping[str, Entry]]) -> type[LazyGroup]:
    """A group class for one table."""
    return type("Group", (LazyGroup,), {"sections": sections})


def _make_command(entry: Entry) -> Any:
    if not entry.module:
        return typer.main.get_command(_make_group(entry))
    command: Any = typer.main.get_command(import_module(entry.module).app)
    if not entry.commands:
        return command
    group = type("Group", (CommandGroup,), {"sections": {"Commands": entry.commands}})
    return group(
        params=command.params,
        callback=command.callback,
        help=command.help,
        epilog=command.epilog,
        context_settings=command.context_settings,
        invoke_without_command=True,
        subcommand_metavar="[COMMAND …]",
        rich_markup_mode=None,
    )


def _make_group(entry: Entry) -> typer.Typer:
    """An app that is nothing but a group of commands."""
    app = make_app(entry.about)
    group = lazy_group({"Commands": entry.commands})

    @app.callback(cls=group, help=entry.about, no_args_is_help=True, subcommand_metavar="COMMAND …")
    def only_a_group() -> None:
        """Only holds the commands."""

    return app
