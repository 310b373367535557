"""`llmctl prompt remove`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.options import command
from llmctl.cli.streams import Streams
from llmctl.config.paths import config_file, working_folder
from llmctl.config.prompts import list_prompts
from llmctl.core.suggest import did_you_mean
from llmctl.errors import ConfigError, UsageError


@dataclass(frozen=True)
class RemoveOptions:
    """Options of `llmctl prompt remove`."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")]


def run(options: RemoveOptions, streams: Streams) -> None:
    """Remove a prompt's file."""
    known = list_prompts(config_file(streams.env), working_folder())
    if options.name not in known:
        hint = did_you_mean(options.name, known) or "see: llmctl prompt list"
        raise UsageError(f"there is no prompt {options.name!r}", hint=hint)
    path = known[options.name]
    try:
        path.unlink()
    except OSError as error:
        raise ConfigError(f"can't remove {path}: {error.strerror or error}") from error
    streams.say(f"removed {path}")


app = command(RemoveOptions, run, "llmctl prompt remove review")
