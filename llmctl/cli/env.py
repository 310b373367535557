"""`llmctl env`."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.options import TargetOptions, command
from llmctl.cli.session import Session, open_session
from llmctl.cli.shells import SHELLS, dotenv_line, eval_command, is_csh, set_line, shell_of, unset_line
from llmctl.cli.streams import Streams
from llmctl.cli.variables import Tool, find_tool, losses, variables_for
from llmctl.config.keys import describe_key
from llmctl.config.target import Target
from llmctl.core.redact import HIDDEN
from llmctl.errors import UsageError

EXAMPLES = """
eval "$(llmctl env)"                        this shell's programs now ask the current profile
llmctl env -p groq --shell fish | source    the same in fish
llmctl env --dotenv > .env                  a file for programs that read one
llmctl env aider                            what Aider reads; also goose, opencode, …
eval "$(llmctl env --unset)"
"""


@dataclass(frozen=True)
class EnvOptions(TargetOptions):
    """Options of `llmctl env`."""

    tool: Annotated[
        str | None, typer.Argument(metavar="[TOOL]", help="The program; what most of them read if left out.")
    ] = None
    shell: Annotated[
        str | None,
        typer.Option("--shell", metavar="SHELL", help="bash, zsh, sh, fish, pwsh or cmd [as $SHELL says]."),
    ] = None
    dotenv: Annotated[bool, typer.Option("--dotenv", help="Print lines for a .env file.")] = False
    unset: Annotated[bool, typer.Option("--unset", help="Print lines that remove the variables.")] = False
    show_key: Annotated[
        bool, typer.Option("--show-key", help="Print the key, on a terminal and in --json too.")
    ] = False
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object; the key as a reference.")] = False


def run(options: EnvOptions, streams: Streams) -> None:
    """Print the variables that point other programs at a profile, for your shell to evaluate.

    The key is printed into a pipe or a file only; a terminal shows *** unless --show-key is given.
    `llmctl exec` hands the variables to one program alone, which is safer.
    """
    shell = _shell(options, streams)
    tool = find_tool(options.tool)
    if options.unset:
        for name in tool.variables:
            streams.out(unset_line(shell, name))
        return
    session = open_session(options, streams)
    target = session.target
    if target.embedded:
        raise UsageError(
            "the demo provider runs only while a command does, so there is no address to print",
            hint="llmctl exec -p demo -- COMMAND runs a program with it; llmctl demo serve keeps it running",
        )
    shown = options.show_key or not (options.json or streams.terminal)
    # A key that is not shown is not looked up: it may cost a password.
    variables = variables_for(tool, target, target.key() if shown else HIDDEN, streams.env)
    if options.json:
        streams.out_json(_as_json(tool, session, variables, shown))
        return
    for loss in losses(target):
        streams.warn(loss)
    # All of them before the first is printed: half of the variables would mix two providers.
    for line in [_line(options, shell, name, value) for name, value in variables.items()]:
        streams.out(line)
    if not shown:
        streams.note(f"the key is hidden on a terminal; {_how(options, shell)}")


def _line(options: EnvOptions, shell: str, name: str, value: str | None) -> str:
    """The line for a variable. Raises UsageError for a value that can't be written."""
    if options.dotenv:
        return dotenv_line(name, value or "")
    return unset_line(shell, name) if value is None else set_line(shell, name, value)


def _shell(options: EnvOptions, streams: Streams) -> str:
    if options.shell and options.shell not in SHELLS:
        raise UsageError(f"{options.shell!r} is not a known shell", hint=f"known: {', '.join(SHELLS)}")
    if options.dotenv and (options.shell or options.unset):
        raise UsageError(f"--dotenv and {'--shell' if options.shell else '--unset'} exclude each other")
    if not (options.shell or options.dotenv or options.json) and is_csh(streams.env):
        streams.warn(
            "csh and tcsh can't read these lines, which are for sh; `llmctl exec -- COMMAND` needs no shell"
        )
    return options.shell or shell_of(streams.env)


def _how(options: EnvOptions, shell: str) -> str:
    """How to make use of the variables, in a note."""
    words = [
        "llmctl env",
        options.tool,
        f"-p {shlex.quote(options.profile)}" if options.profile else None,
        f"-m {shlex.quote(options.model)}" if options.model else None,
        f"--shell {options.shell}" if options.shell else None,
    ]
    again = " ".join(word for word in words if word)
    if options.dotenv:
        return f"write a file: {again} --dotenv > .env"
    return f"use them with: {eval_command(shell, again)}"


def _as_json(tool: Tool, session: Session, variables: dict[str, str | None], shown: bool) -> dict[str, object]:
    """The stable object of --json. A withheld key is null; `key` says where it is."""
    target = session.target
    withheld = [] if shown else tool.key_variables
    return {
        "profile": target.profile,
        "provider": target.provider,
        "tool": tool.name,
        "variables": {name: None if name in withheld else value for name, value in variables.items()},
        "key": _reference(target),
        "key_variables": tool.key_variables,
        "lost": list(losses(target)),
    }


def _reference(target: Target) -> str:
    return describe_key(target.key_reference)


app = command(EnvOptions, run, EXAMPLES)
