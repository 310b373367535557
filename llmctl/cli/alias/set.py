"""`llmctl alias set`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.options import command
from llmctl.cli.streams import Streams
from llmctl.config.aliases import check_alias, read_aliases
from llmctl.config.configfile import Config, edit_config
from llmctl.config.paths import config_file
from llmctl.config.profile import RESERVED
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
    name, model = check_alias(options.name), options.model
    if not model.isprintable():
        raise UsageError("the model's name holds control characters")
    path = config_file(streams.env)
    with edit_config(path) as editor:
        config = Config(editor.data, path)
        aliases = read_aliases(config)
        if model == name or model in aliases:
            raise UsageError(f"{model} is an alias itself", hint="name the model that it stands for")
        used = next((other for other, target in aliases.items() if target == name), None)
        if used:
            raise UsageError(f"{used} stands for {name}, which would be an alias then", hint="choose another name")
        editor.set(("aliases", name), model)
    streams.say(f"{name} is {model} now")
    head, slash, _ = model.partition("/")
    if slash and head not in config.names and head not in RESERVED:
        streams.note(f"there is no profile {head}, so {model} is a model's name as it stands")


app = command(SetOptions, run, EXAMPLES)
