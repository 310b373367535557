"""`llmctl current`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.options import command
from llmctl.cli.streams import DIM, Streams
from llmctl.config.configfile import load_config
from llmctl.config.paths import config_file, working_folder
from llmctl.config.resolve import Choices, build_target, select
from llmctl.core.urls import shown


@dataclass(frozen=True)
class CurrentOptions:
    """Options of `llmctl current`."""

    json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False


def run(options: CurrentOptions, streams: Streams) -> None:
    """Print the profile and model in use, and on a terminal also what chose them."""
    config = load_config(config_file(streams.env))
    selection = select(config, Choices(), streams.env, working_folder())
    target = build_target(config, Choices(), streams.env, working_folder())
    if options.json:
        streams.out_json(
            {
                "profile": target.profile,
                "model": target.model,
                "provider": target.provider,
                "base_url": shown(target.base_url) or None,
                "chosen_by": selection.profile_by,
            }
        )
        return
    streams.out(f"{target.profile}/{target.model}" if target.model else target.profile)
    if streams.terminal:
        streams.say(streams.paint(f"chosen by {selection.profile_by}", DIM))


app = command(
    CurrentOptions,
    run,
    """
llmctl current
llmctl current --json | jq -r .profile
""",
)
