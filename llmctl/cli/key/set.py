"""`llmctl key set`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.key.store import ask_key, check_reference, forget_key, read_key_from_stdin, store_key
from llmctl.cli.options import command
from llmctl.cli.profile.chosen import chosen_name
from llmctl.cli.streams import Streams
from llmctl.config.configfile import edit_config, load_config
from llmctl.config.keys import describe_key, store_in_keyring
from llmctl.config.paths import config_file
from llmctl.errors import UsageError

EXAMPLES = """
llmctl key set groq                      type it (it is not shown)
pass show groq | llmctl key set groq -   read it from stdin
llmctl key set groq --env MY_GROQ_KEY    take it from a variable, each time
llmctl key set groq --command "pass show groq"
llmctl key set groq --keyring            type it, keep it in the OS keyring
"""


@dataclass(frozen=True)
class SetOptions:
    """Options of `llmctl key set`."""

    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The profile; the current one if left out.")
    ] = None
    stdin: Annotated[str | None, typer.Argument(metavar="[-]", help="Read the key from stdin.")] = None
    env: Annotated[
        str | None, typer.Option("--env", metavar="NAME", help="It is in this environment variable.")
    ] = None
    cmd: Annotated[str | None, typer.Option("--command", metavar="COMMAND", help="This command prints it.")] = None
    file: Annotated[str | None, typer.Option("--file", metavar="PATH", help="It is in this file.")] = None
    keyring: Annotated[bool, typer.Option("--keyring", help="Keep it in the OS keyring.")] = False


def run(options: SetOptions, streams: Streams) -> None:
    """Set a profile's key, or say where it is.

    A typed key goes into a file that only you can read, beside the config; the config holds a
    reference to it.
    """
    name, from_stdin = _arguments(options)
    path = config_file(streams.env)
    config = load_config(path)
    name = chosen_name(name, config, streams)
    profile = config.profile(name)
    reference = _reference(options, from_stdin)
    if reference is None:
        key = read_key_from_stdin(streams) if from_stdin else _typed(name, streams)
        if options.keyring:
            store_in_keyring(name, key)
            reference = "keyring"
        else:
            reference = store_key(path, name, key)
    with edit_config(path) as editor:
        editor.set(("profiles", name, "key"), reference)
    if profile.key != reference:
        forget_key(path, name, profile.key)
    streams.say(f"{name}: key {describe_key(reference)}; see whether it works: llmctl key test {name}")


def _arguments(options: SetOptions) -> tuple[str | None, bool]:
    """(profile, whether the key is on stdin): the dash may be the only argument."""
    if options.stdin not in (None, "-"):
        raise UsageError(
            "a key is not given as an argument: others can read the command line",
            hint="leave it out to type it, or pipe it in: llmctl key set NAME -",
        )
    if options.name == "-":
        return None, True
    return options.name, options.stdin == "-"


def _reference(options: SetOptions, from_stdin: bool) -> str | None:
    given = {"env": options.env, "cmd": options.cmd, "file": options.file}
    references = [f"{kind}:{value}" for kind, value in given.items() if value]
    if len(references) + from_stdin > 1 or (references and options.keyring):
        raise UsageError("only one of -, --env, --command, --file and --keyring can say where the key is")
    return check_reference(references[0]) if references else None


def _typed(name: str, streams: Streams) -> str:
    if not streams.input_terminal:
        raise UsageError("there is no terminal to type the key on", hint=f"pipe it in: llmctl key set {name} -")
    key = ask_key(name)
    if not key:
        raise UsageError("the key is empty; nothing was changed")
    return key


app = command(SetOptions, run, EXAMPLES)
