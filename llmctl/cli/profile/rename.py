"""`llmctl profile rename`."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from llmctl.cli.options import command
from llmctl.cli.profile.chosen import chosen_name
from llmctl.cli.streams import Streams
from llmctl.config.configfile import check_name, edit_config, load_config
from llmctl.config.keys import remove_from_keyring, resolve_key, store_in_keyring
from llmctl.config.paths import config_file, key_folder
from llmctl.errors import ConfigError


@dataclass(frozen=True)
class RenameOptions:
    """Options of `llmctl profile rename`."""

    old: Annotated[str, typer.Argument(metavar="OLD", help="The profile.")]
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")]


def run(options: RenameOptions, streams: Streams) -> None:
    """Give a profile another name. `current`, prices, and a key that llmctl keeps follow it."""
    path = config_file(streams.env)
    config = load_config(path)
    old, new = chosen_name(options.old, config, streams), check_name(options.new)
    if new in config.names:
        raise ConfigError(f"there is a profile {new} already")
    reference = config.profile(old).key
    if reference == "keyring":
        store_in_keyring(new, resolve_key(reference, old, path.parent, streams.env))
    with edit_config(path) as editor:
        editor.rename(("profiles", old), new)
        if editor.data.get("current") == old:
            editor.set(("current",), new)
        for entry in [name for name in editor.data.get("prices", {}) if name.startswith(f"{old}/")]:
            editor.rename(("prices", entry), f"{new}/{entry[len(old) + 1 :]}")
        if reference == f"file:keys/{old}":
            _move(key_folder(path) / old, key_folder(path) / new)
            editor.set(("profiles", new, "key"), f"file:keys/{new}")
        routes = _routes_with(editor.data, old)
    if reference == "keyring":
        remove_from_keyring(old)
    streams.say(f"{old} is now {new}")
    if routes:
        streams.warn(f"routes still name {old}: {', '.join(routes)}")


def _move(old: Path, new: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        old.replace(new)


def _routes_with(data: dict[str, Any], old: str) -> list[str]:
    routes = data.get("routes", {})
    return [
        name
        for name, route in (routes.items() if isinstance(routes, dict) else ())
        if isinstance(route, dict)
        and any(str(target).startswith(f"{old}/") for target in route.get("targets", []))
    ]


app = command(RenameOptions, run, "llmctl profile rename groq fast")
