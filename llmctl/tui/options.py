"""The options of `llmctl tui`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.chat.toolbox import ToolOptions
from llmctl.cli.options import TargetOptions


@dataclass(frozen=True)
class TuiOptions(TargetOptions, ToolOptions):
    """Options of `llmctl tui`."""

    system: Annotated[str | None, typer.Option("-s", "--system", metavar="TEXT", help="System prompt.")] = None
    option: Annotated[
        list[str] | None,
        typer.Option("-o", "--option", metavar="KEY=VALUE", help="Any request parameter; a.b=1 for nested ones."),
    ] = None
    max_cost: Annotated[
        float | None,
        typer.Option("--max-cost", metavar="USD", help="Send nothing whose prompt alone would cost more."),
    ] = None
    last: Annotated[bool, typer.Option("-c", "--last", help="Open the last conversation.")] = False
    continued: Annotated[
        str | None,
        typer.Option("--continue", metavar="ID", help="Open this conversation; see `llmctl logs list`."),
    ] = None
    inline: Annotated[
        bool, typer.Option("--inline", help="Below the prompt of the shell, not on the whole screen.")
    ] = False
    print_on_exit: Annotated[
        bool, typer.Option("--print-on-exit", help="Leave the conversation in the terminal's scrollback.")
    ] = False
    no_mouse: Annotated[bool, typer.Option("--no-mouse", help="Leave the mouse to the terminal.")] = False
