"""`llmctl config show`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from llmctl.cli.config.hidden import hidden_data, hidden_text
from llmctl.cli.options import command
from llmctl.cli.streams import Streams
from llmctl.config.configfile import Config, parse_toml, read_config_text
from llmctl.config.keys import describe_key
from llmctl.config.paths import config_file, working_folder
from llmctl.config.project import project_file
from llmctl.config.resolve import Choices, build_target, select
from llmctl.core.urls import shown
from llmctl.errors import ConfigError, NoProfile


@dataclass(frozen=True)
class ShowOptions:
    """Options of `llmctl config show`."""

    resolved: Annotated[
        bool, typer.Option("--resolved", help="What is in force here: profile, model, key, and why.")
    ] = False
    json: Annotated[bool, typer.Option("--json", help="Both as a JSON object.")] = False


def run(options: ShowOptions, streams: Streams) -> None:
    """Print the config as it stands, comments included. Keys and other secrets are withheld (***)."""
    path = config_file(streams.env)
    text = read_config_text(path)
    config = Config(parse_toml(text, path), path)
    if options.json:
        streams.out_json({"selection": _selection_or_warning(config, streams), "config": hidden_data(config.data)})
    elif options.resolved:
        facts = _selection(config, streams) or {}
        for name, value in facts.items():
            streams.out(f"{name.replace('_', ' '):<16}  {'-' if value is None else value}")
        if not facts:
            streams.note("no profile is chosen; `llmctl init` finds keys and local servers")
    else:
        streams.out(hidden_text(text, path), end="")
        if not os.path.exists(path):
            streams.note(f"there is no {path} yet; `llmctl init` or `llmctl profile add` make it")


def _selection_or_warning(config: Config, streams: Streams) -> dict[str, Any] | None:
    """A profile that is wrong is no reason to show nothing."""
    try:
        return _selection(config, streams)
    except ConfigError as error:
        streams.warn(error.message)
        return None


def _selection(config: Config, streams: Streams) -> dict[str, Any] | None:
    """What is in force in this folder and environment; None without any profile."""
    folder = working_folder()
    try:
        selection = select(config, Choices(), streams.env, folder)
    except NoProfile:
        return None
    target = build_target(config, Choices(), streams.env, folder)
    project = project_file(folder)
    return {
        "profile": target.profile,
        "profile_by": selection.profile_by,
        "model": target.model,
        "model_by": selection.model_by if target.model else None,
        "provider": target.provider,
        "base_url": shown(target.base_url) or None,
        "key": describe_key(target.key_reference),
        "config": str(config.path),
        "project": str(project) if project else None,
    }


app = command(
    ShowOptions,
    run,
    """
llmctl config show
llmctl config show --resolved
llmctl config show --json | jq .selection.profile
""",
)
