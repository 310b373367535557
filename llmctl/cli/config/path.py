"""`llmctl config path`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.options import command
from llmctl.cli.streams import Streams
from llmctl.config.paths import cache_folder, config_file, key_folder, working_folder
from llmctl.config.project import project_file


@dataclass(frozen=True)
class PathOptions:
    """Options of `llmctl config path`."""

    json: Annotated[bool, typer.Option("--json", help="All places: config, keys, cache, project.")] = False


def run(options: PathOptions, streams: Streams) -> None:
    """Print where the config is, whether or not the file is there yet.

    LLMCTL_CONFIG names another file. With --json also the folders of keys and of the cache, and the
    .llmctl.toml that is in force here (null where there is none).
    """
    config = config_file(streams.env)
    if not options.json:
        streams.out(str(config))
        return
    project = project_file(working_folder())
    streams.out_json(
        {
            "config": str(config),
            "exists": os.path.exists(config),
            "keys": str(key_folder(config)),
            "cache": str(cache_folder(streams.env)),
            "project": str(project) if project else None,
        }
    )


app = command(
    PathOptions,
    run,
    """
llmctl config path
cp "$(llmctl config path)" backup.toml
""",
)
