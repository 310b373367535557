"""`llmctl alias set`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.options import command
from llmctl.cli.streams import Streams
from llmctl.config.aliases import check_alias, read_aliases
from llmctl.config.configfile import edit_config, load_config
from llmctl.config.paths import config_file
from llmctl.errors import UsageError

EXAMPLES = """
llmctl alias set fast groq/openai/gpt-oss-120b
llmctl chat -m fast "Hi"
"""


@dataclass(frozen=True)
class SetOptions:
    """Options of `llmctl alias set`."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="The short name.")]
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model, or PROFILE/MODEL.")]


def run(options: SetOptions, streams: Streams) -> None:
    """Give a model a short name, which -m and LLMCTL_MODEL take from then on."""
    if not options.model.strip():
        raise UsageError("the model is empty")
    path = config_file(streams.env)
    if options.model in read_aliases(load_config(path)):
        raise UsageError(f"{options.model} is an alias itself", hint="name the model that it stands for")
    with edit_config(path) as editor:
        editor.set(("aliases", check_alias(options.name)), options.model)
    streams.say(f"{options.name} is {options.model} now")


app = command(SetOptions, run, EXAMPLES)
