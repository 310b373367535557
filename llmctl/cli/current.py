"""`llmctl current`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from llmctl.cli.options import command
from llmctl.cli.streams import DIM, Streams
from llmctl.config.configfile import load_config
from llmctl.config.paths import config_file
from llmctl.config.resolve import Choices, build_target, select


@dataclass(frozen=True)
class CurrentOptions:
    """Options of `llmctl current`."""

    json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False


def run(options: CurrentOptions, streams: Streams) -> None:
    """Print the profile and model in use, and on a terminal also what chose them."""
    config = load_config(config_file(streams.env))
    selection = select(config, Choices(), streams.env, Path.cwd())
    target = build_target(config, Choices(), streams.env, Path.cwd())
    if options.json:
        streams.out_json(
            {
                "profile": target.profile,
                "model": target.model,
                "provider": target.provider,
                "base_url": target.base_url or None,
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
