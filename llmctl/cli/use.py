"""`llmctl use`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.options import command
from llmctl.cli.picker import pick
from llmctl.cli.shells import set_line, shell_of
from llmctl.cli.streams import Streams
from llmctl.config.configfile import Config, edit_config, load_config
from llmctl.config.paths import config_file, working_folder, writing_folder
from llmctl.config.profile import RESERVED
from llmctl.config.project import FILE, find_project
from llmctl.config.resolve import Choices, select
from llmctl.errors import ConfigError, UsageError

EXAMPLES = """
llmctl use groq              from now on, everywhere
llmctl use work --here       in this folder and those below (.llmctl.toml)
eval "$(llmctl use work --shell)"      in this shell only
llmctl use                   choose from a list
"""


@dataclass(frozen=True)
class UseOptions:
    """Options of `llmctl use`."""

    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The profile to switch to.")] = None
    here: Annotated[bool, typer.Option("--here", help=f"Write {FILE} in this folder.")] = False
    shell: Annotated[bool, typer.Option("--shell", help="Print what this shell should eval.")] = False


def run(options: UseOptions, streams: Streams) -> None:
    """Switch to a profile.

    Without a name: choose from a list on a terminal, else print the current one.
    """
    if options.here and options.shell:
        raise UsageError("--here and --shell exclude each other")
    path = config_file(streams.env)
    config = load_config(path)
    name = options.name
    if name is None:
        if not (streams.input_terminal and streams.error_terminal):
            streams.out(select(config, Choices(), streams.env, working_folder()).profile)
            return
        name = pick(streams, "Profile", [*config.names, "demo"], config.current)
    _check(config, name)
    if options.shell:
        streams.out(set_line(shell_of(streams.env), "LLMCTL_PROFILE", name))
    elif options.here:
        with edit_config(writing_folder() / FILE, lock=path) as editor:  # no lock file in a project
            editor.set(("profile",), name)
        os.chmod(writing_folder() / FILE, 0o644)  # it holds no secret and is shared with the project
        streams.say(f"{FILE}: this folder and those below use {name}")
    else:
        with edit_config(path) as editor:
            editor.set(("current",), name)
        streams.say(f"now using {name}")
        _say_what_hides_it(name, streams)


def _check(config: Config, name: str) -> None:
    if name not in RESERVED or name in config.names:
        config.profile(name)


def _say_what_hides_it(name: str, streams: Streams) -> None:
    """A stronger setting would make the switch seem without effect."""
    variable = streams.env.get("LLMCTL_PROFILE")
    try:
        project = find_project(working_folder())
    except ConfigError as error:
        streams.warn(error.message)
        return
    if variable and variable != name:
        streams.warn(f"in this shell LLMCTL_PROFILE={variable} is stronger")
    elif project.profile and project.profile != name:
        streams.warn(f"in this folder {project.path} is stronger: it says {project.profile}")


app = command(UseOptions, run, EXAMPLES)
