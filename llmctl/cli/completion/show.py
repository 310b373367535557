"""`llmctl completion show`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.completion.scripts import choose_shell, script_text
from llmctl.cli.options import command
from llmctl.cli.streams import Streams

EXAMPLES = """
llmctl completion show fish
source <(llmctl completion show bash)      complete in this shell only
llmctl completion show powershell | Out-String | Invoke-Expression
"""


@dataclass(frozen=True)
class ShowOptions:
    """Options of `llmctl completion show`."""

    shell: Annotated[
        str | None, typer.Argument(metavar="[SHELL]", help="bash, zsh, fish or powershell [the one in use].")
    ] = None


def run(options: ShowOptions, streams: Streams) -> None:
    """Print the completion script of a shell, for package builders and for those who place it themselves."""
    streams.out(script_text(choose_shell(options.shell, streams.env)), end="")


app = command(ShowOptions, run, EXAMPLES)
