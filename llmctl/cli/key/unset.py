"""`llmctl key unset`."""

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


@dataclass(frozen=True)
class UnsetOptions:
    """Options of `llmctl key unset`."""

    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The profile; the current one if left out.")
    ] = None


def run(options: UnsetOptions, streams: Streams) -> None:
    """Forget a profile's key: the reference in the config, and the key where llmctl itself keeps it."""
    path = config_file(streams.env)
    config = load_config(path)
    name = chosen_name(options.name, config, streams)
    reference = config.profile(name).key
    with edit_config(path) as editor:
        editor.delete(("profiles", name, "key"))
    forget_key(path, name, reference)
    streams.say(f"{name} has no key of its own any more" if reference else f"{name} had no key of its own")


app = command(UnsetOptions, run, "llmctl key unset groq")
