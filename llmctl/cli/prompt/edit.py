"""`llmctl prompt edit`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from llmctl.cli.editor import edit_text
from llmctl.cli.options import command
from llmctl.cli.streams import Streams
from llmctl.config.configfile import parse_toml
from llmctl.config.files import write_private
from llmctl.config.paths import config_file, working_folder
from llmctl.config.prompts import check_prompt, check_prompt_name, list_prompts, user_folder
from llmctl.errors import ConfigError

SKELETON = '''# description = "what it is for"
# system = "how the model shall behave"
prompt = """
{{input}}
"""
# model = "PROFILE/MODEL"
# schema = "name str, age int"

# [defaults]
# language = "English"

# [params]
# temperature = 0
'''


@dataclass(frozen=True)
class EditOptions:
    """Options of `llmctl prompt edit`."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name; a new one begins with an example.")]


def run(options: EditOptions, streams: Streams) -> None:
    """Open a prompt in your editor ($VISUAL, $EDITOR). What is not valid is kept beside it, not in it."""
    config = config_file(streams.env)
    name = check_prompt_name(options.name)
    path = list_prompts(config, working_folder()).get(name, user_folder(config) / f"{name}.toml")
    before = _read(path) if path.exists() else SKELETON
    draft = path.with_name(f"{path.name}.rejected")
    text = edit_text(draft.read_text("utf-8") if draft.exists() else before, streams, suffix=".toml")
    if text is None and path.exists():
        streams.say("nothing changed")
        return
    text = before if text is None else text
    try:
        check_prompt(parse_toml(text, path), path)
    except ConfigError as error:
        write_private(draft, text.encode())
        error.hint = f"what you wrote is in {draft}; edit again to go on with it"
        raise
    write_private(path, text.encode())
    draft.unlink(missing_ok=True)
    streams.say(f"saved {path}")


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"can't read {path}: {error}") from error


app = command(EditOptions, run, "llmctl prompt edit review")
