"""`llmctl alias remove`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.options import command
from llmctl.cli.streams import Streams
from llmctl.config.aliases import read_aliases
from llmctl.config.configfile import Config, edit_config
from llmctl.config.paths import config_file
from llmctl.core.suggest import did_you_mean
from llmctl.errors import UsageError


@dataclass(frozen=True)
class RemoveOptions:
    """Options of `llmctl alias remove`."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="The short name.")]


def run(options: RemoveOptions, streams: Streams) -> None:
    """Remove a short name."""
    path = config_file(streams.env)
    with edit_config(path) as editor:
        known = read_aliases(Config(editor.data, path))
        if options.name not in known:
            raise UsageError(
                f"there is no alias {options.name!r}",
                hint=did_you_mean(options.name, known) or "see: llmctl alias list",
            )
        editor.delete(("aliases", options.name))
    streams.say(f"removed {options.name}")


app = command(RemoveOptions, run, "llmctl alias remove fast")
