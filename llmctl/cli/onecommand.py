"""What our commands do beyond Typer's: options under headings, and options whose value may be missing."""

from __future__ import annotations

import functools
from typing import Any

from typer.core import TyperCommand


class OneCommand(TyperCommand):
    """A command. An option whose metavar stands in brackets may come without its value, which is "" then."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        for parameter in self.params:
            if parameter.required and parameter.metavar:  # Typer would show {NAME}
                parameter.make_metavar = functools.partial(_metavar, parameter.metavar)  # type: ignore[method-assign]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, with_values(self, args))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        format_parameters(self, ctx, formatter)


def format_parameters(command: Any, ctx: Any, formatter: Any) -> None:
    """Arguments, then the options under their headings, "Options" first."""
    parts: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        kind = "Options" if parameter.param_type_name == "option" else "Arguments"
        if record:
            parts.setdefault(getattr(parameter, "rich_help_panel", None) or kind, []).append(record)
    for heading, records in parts.items():
        if records:
            with formatter.section(heading):
                formatter.write_dl(records)


def with_values(command: Any, args: list[str]) -> list[str]:
    """The arguments, with an empty value after each option that may come without one, and does."""
    optional = [option for option in command.params if str(option.metavar).startswith("[")]
    return _with_values(args, {name for option in optional for name in option.opts if name.startswith("-")})


def _with_values(args: list[str], names: set[str]) -> list[str]:
    """The arguments, with an empty value after each of these options that has none."""
    filled: list[str] = []
    for at, arg in enumerate(args):
        if arg == "--":
            return [*filled, *args[at:]]
        following = args[at + 1] if at + 1 < len(args) else "-"
        filled += [arg, ""] if arg in names and following.startswith("-") else [arg]
    return filled


def _metavar(name: str, ctx: Any, usage: bool = False) -> str:
    return name
