"""`llmctl prompt show`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.options import command
from llmctl.cli.pager import paged
from llmctl.cli.prompt.list import describe
from llmctl.cli.streams import Streams
from llmctl.config.paths import config_file, working_folder
from llmctl.config.prompts import find_prompt


@dataclass(frozen=True)
class ShowOptions:
    """Options of `llmctl prompt show`."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")]
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False


def run(options: ShowOptions, streams: Streams) -> None:
    """Print a prompt's file."""
    prompt = find_prompt(options.name, config_file(streams.env), working_folder())
    if options.json:
        streams.out_json(describe(prompt))
        return
    with paged(streams):
        streams.out(prompt.path.read_text("utf-8-sig").rstrip("\n"))
    streams.note(str(prompt.path))


app = command(ShowOptions, run, "llmctl prompt show review")
