"""`llmctl profile list`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from llmctl.cli.options import command
from llmctl.cli.streams import Streams
from llmctl.cli.table import print_table
from llmctl.config.configfile import Config, load_config
from llmctl.config.paths import config_file
from llmctl.config.resolve import demo_target, profile_target
from llmctl.core.urls import shown
from llmctl.errors import ConfigError


@dataclass(frozen=True)
class ListOptions:
    """Options of `llmctl profile list`."""

    json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False


def run(options: ListOptions, streams: Streams) -> None:
    """List the profiles; the current one is marked. Into a pipe: tab-separated, the name first."""
    config = load_config(config_file(streams.env))
    rows = [_row(name, config, streams) for name in config.names]
    if options.json:
        streams.out_json(rows)
        return
    demo = {"name": "demo", "provider": "demo", "base_url": "(in this process)", "model": demo_target().model}
    cells = [
        [
            f"{row['name']} *" if row["name"] == config.current and streams.terminal else row["name"],
            row["provider"] or "",
            row["model"] or "",
            row.get("error") or row["base_url"] or "",
        ]
        for row in [*rows, demo]
    ]
    print_table(streams, ["PROFILE", "PROVIDER", "MODEL", "ADDRESS"], cells, right=set())


def _row(name: str, config: Config, streams: Streams) -> dict[str, Any]:
    """What the list says of a profile; one that is written wrongly doesn't hide the others."""
    row: dict[str, Any] = {"name": name, "current": name == config.current, "provider": None, "model": None}
    try:
        target = profile_target(config.profile(name), config.path.parent, streams.env)
    except ConfigError as error:
        return {**row, "base_url": None, "error": error.message}
    return {
        **row,
        "provider": target.provider,
        "model": target.model,
        "base_url": shown(target.base_url),
        "error": None,
    }


app = command(ListOptions, run, "llmctl profile list --json | jq -r '.[].name'")
