"""`llmctl prompt add`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from llmctl.cli.input import read_prompt
from llmctl.cli.options import command
from llmctl.cli.streams import Streams
from llmctl.config.files import locked, write_private
from llmctl.config.paths import config_file, writing_folder
from llmctl.config.prompts import check_prompt, check_prompt_name, user_folder
from llmctl.core.params import parse_options
from llmctl.errors import UsageError

EXAMPLES = """
llmctl prompt add review "Review this {{language}} code: {{input}}" -d language=Python
llmctl prompt add terse -s "Answer in one sentence." -o temperature=0
git diff | llmctl chat -t review
"""


@dataclass(frozen=True)
class AddOptions:
    """Options of `llmctl prompt add`."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")]
    text: Annotated[
        str | None,
        typer.Argument(metavar="[TEXT]", help="What the user says; may hold {{variables}}. '-' reads stdin."),
    ] = None
    system: Annotated[str, typer.Option("-s", "--system", metavar="TEXT", help="System prompt.")] = ""
    model: Annotated[
        str | None, typer.Option("-m", "--model", metavar="MODEL", help="Model, or PROFILE/MODEL.")
    ] = None
    default: Annotated[
        list[str] | None,
        typer.Option("-d", "--default", metavar="KEY=VALUE", help="A variable's value unless -v sets it."),
    ] = None
    option: Annotated[
        list[str] | None, typer.Option("-o", "--option", metavar="KEY=VALUE", help="A request parameter.")
    ] = None
    schema: Annotated[
        str | None,
        typer.Option("--schema", metavar="SCHEMA", help="JSON Schema of the answer: a file, or the short form."),
    ] = None
    description: Annotated[str, typer.Option("--description", metavar="TEXT", help="A line about it.")] = ""
    project: Annotated[bool, typer.Option("--project", help="Keep it in this folder's .llmctl/prompts.")] = False
    force: Annotated[bool, typer.Option("--force", help="Replace a prompt of this name.")] = False


def run(options: AddOptions, streams: Streams) -> None:
    """Keep a prompt under a name, for `llmctl chat -t NAME`.

    {{input}} in its text stands for what the command line and standard input bring; without it they
    are added at the end. The file is TOML; `llmctl prompt edit` opens it.
    """
    config = config_file(streams.env)
    folder = writing_folder() / ".llmctl" / "prompts" if options.project else user_folder(config)
    path = folder / f"{check_prompt_name(options.name)}.toml"
    data = _data(options, streams)
    check_prompt(data, path)
    with locked(path):
        if path.exists() and not options.force:
            raise UsageError(f"there is a prompt {options.name} already: {path}", hint="--force replaces it")
        write_private(path, toml_text(data).encode())
    streams.say(f"added {options.name}: {path}")


def _data(options: AddOptions, streams: Streams) -> dict[str, Any]:
    text = options.text
    if text == "-" or (text is None and not options.system):
        text = read_prompt("-", None, streams)
    defaults = dict(pair.partition("=")[::2] for pair in options.default or ())
    wrong = next((pair for pair in options.default or () if "=" not in pair), None)
    if wrong is not None:
        raise UsageError(f"-d {wrong!r} is not KEY=VALUE")
    schema: Any = options.schema
    if schema:
        from llmctl.cli.chat.structured import is_short, read_schema

        read = read_schema(schema)
        schema = schema if is_short(schema) else read
    values = {
        "description": options.description,
        "model": options.model,
        "system": options.system,
        "prompt": text,
        "schema": schema,
        "defaults": defaults,
        "params": parse_options(options.option or ()),
    }
    return {key: value for key, value in values.items() if value}


def toml_text(data: Mapping[str, Any]) -> str:
    """The file. A JSON Schema with a null in it, which TOML doesn't know, is refused."""
    import tomli_w

    try:
        return tomli_w.dumps(data, multiline_strings=True)
    except TypeError as error:
        raise UsageError(f"this can't be kept as TOML: {error}: {json.dumps(data, default=str)[:200]}") from error


app = command(AddOptions, run, EXAMPLES)
