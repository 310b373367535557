"""`llmctl prompt list`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from llmctl.cli.options import command
from llmctl.cli.pager import paged
from llmctl.cli.streams import Streams
from llmctl.cli.table import print_table
from llmctl.config.paths import config_file, working_folder
from llmctl.config.prompts import Prompt, list_prompts, read_prompt_file
from llmctl.errors import ConfigError


@dataclass(frozen=True)
class ListOptions:
    """Options of `llmctl prompt list`."""

    json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False


def run(options: ListOptions, streams: Streams) -> None:
    """List the prompts, those of the project first where names are the same."""
    prompts: list[Prompt] = []
    for path in list_prompts(config_file(streams.env), working_folder()).values():
        try:
            prompts.append(read_prompt_file(path))
        except ConfigError as error:
            streams.warn(error.message)
    if options.json:
        streams.out_json([describe(prompt) for prompt in prompts])
        return
    with paged(streams):
        rows = [[p.name, ", ".join(p.variables), p.description or _first_line(p)] for p in prompts]
        print_table(streams, ["PROMPT", "VARIABLES", "ABOUT"], rows)
    if not prompts:
        streams.note("there are none; keep one with: llmctl prompt add NAME 'TEXT with {{variables}}'")


def describe(prompt: Prompt) -> dict[str, Any]:
    """The prompt as JSON."""
    fields = ("name", "description", "system", "prompt", "model", "defaults", "params", "schema", "variables")
    return {"path": str(prompt.path), **{name: getattr(prompt, name) for name in fields}}


def _first_line(prompt: Prompt) -> str:
    line = (prompt.prompt.strip() or prompt.system.strip()).splitlines()[0]
    return line if len(line) <= 60 else f"{line[:59]}…"


app = command(ListOptions, run, "llmctl prompt list")
