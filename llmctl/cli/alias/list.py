"""`llmctl alias list`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.options import command
from llmctl.cli.streams import Streams
from llmctl.cli.table import print_table
from llmctl.config.aliases import read_aliases
from llmctl.config.configfile import load_config
from llmctl.config.paths import config_file


@dataclass(frozen=True)
class ListOptions:
    """Options of `llmctl alias list`."""

    json: Annotated[bool, typer.Option("--json", help="Print a JSON object, name to model.")] = False


def run(options: ListOptions, streams: Streams) -> None:
    """List the short names of models."""
    aliases = read_aliases(load_config(config_file(streams.env)))
    if options.json:
        streams.out_json(aliases)
        return
    print_table(streams, ["ALIAS", "MODEL"], [[name, model] for name, model in sorted(aliases.items())])
    if not aliases:
        streams.note("there are none; make one with: llmctl alias set NAME PROFILE/MODEL")


app = command(ListOptions, run, "llmctl alias list")
