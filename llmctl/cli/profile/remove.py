"""`llmctl profile remove`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.key.store import forget_key
from llmctl.cli.options import command
from llmctl.cli.profile.chosen import chosen_name
from llmctl.cli.streams import Streams
from llmctl.config.configfile import edit_config, load_config
from llmctl.config.paths import config_file
from llmctl.errors import ConfigError, Interrupted


@dataclass(frozen=True)
class RemoveOptions:
    """Options of `llmctl profile remove`."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="The profile.")]
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False


def run(options: RemoveOptions, streams: Streams) -> None:
    """Remove a profile, and its key where llmctl itself keeps it."""
    path = config_file(streams.env)
    config = load_config(path)
    if options.name not in config.names:
        chosen_name(options.name, config, streams)
    try:
        reference = config.profile(options.name).key
    except ConfigError:
        reference = None  # written wrongly: all the more reason to remove it
    if streams.input_terminal and not options.yes and not typer.confirm(f"Remove {options.name}?", err=True):
        raise Interrupted("nothing was removed")
    with edit_config(path) as editor:
        editor.delete(("profiles", options.name))
        was_current = editor.data.get("current") == options.name
        if was_current:
            editor.delete(("current",))
    forget_key(path, options.name, reference)
    streams.say(
        f"removed {options.name}" + ("; no profile is current now: llmctl use NAME" if was_current else "")
    )


app = command(RemoveOptions, run, "llmctl profile remove old --yes")
