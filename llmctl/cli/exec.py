"""`llmctl exec`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

import typer

from llmctl.cli.options import TargetOptions, command
from llmctl.cli.session import open_session
from llmctl.cli.streams import Streams
from llmctl.cli.variables import Tool, find_tool, losses, variables_for
from llmctl.config.target import Target
from llmctl.errors import UsageError
from llmctl.platforms import native_path, run_beside, run_instead

EXAMPLES = """
llmctl exec -- python app.py             the OpenAI SDK in it asks the current profile
llmctl exec -p groq --tool aider -- aider
llmctl exec -p demo -- pytest            no account: the demo provider runs along
llmctl exec -- sh -c 'curl "$OPENAI_BASE_URL/models" -H "Authorization: Bearer $OPENAI_API_KEY"'
"""


class CommandNotFound(UsageError):
    """There is no such program. As in a shell, the exit code is 127."""

    code, exit_code = "command_not_found", 127


class NotExecutable(UsageError):
    """The program is there and can't be run. As in a shell, the exit code is 126."""

    code, exit_code = "not_executable", 126


@dataclass(frozen=True, kw_only=True)
class ExecOptions(TargetOptions):
    """Options of `llmctl exec`."""

    command: Annotated[list[str], typer.Argument(metavar="COMMAND [ARG]...", help="The program.")]
    tool: Annotated[
        str | None,
        typer.Option("--tool", metavar="TOOL", help="Set this program's variables; see llmctl env."),
    ] = None


def run(options: ExecOptions, streams: Streams) -> None:
    """Run a program with the variables that point it at a profile (see `llmctl env`).

    Signals reach the program, and its exit code is this one's: 126 and 127 mean what they mean in
    a shell. The key stands in the program's environment and nowhere else.
    """
    tool = find_tool(options.tool)
    target = open_session(options, streams).target
    words = _as_typed(options.command)
    for loss in losses(target):
        streams.warn(loss)
    _check(words[0], streams.env)
    streams.flush()
    try:
        if target.embedded:
            raise SystemExit(_with_demo(words, tool, target, streams))
        raise SystemExit(run_instead(words, _environment(tool, target, streams)))
    except FileNotFoundError as error:
        raise NotExecutable(f"{words[0]} can't be run: the program in its first line is not there") from error
    except OSError as error:
        raise NotExecutable(f"{words[0]} can't be run: {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(f"the command can't be run: {error}") from error


def _with_demo(words: list[str], tool: Tool, target: Target, streams: Streams) -> int:
    """The demo provider lives in this process, so the program runs beside it."""
    from llmctl.demo.server import DemoServer

    with DemoServer() as server:
        return run_beside(words, _environment(tool, replace(target, base_url=server.base_url), streams))


def _environment(tool: Tool, target: Target, streams: Streams) -> dict[str, str]:
    """The child's whole environment. A variable without a value is taken away: it would be another provider's."""
    variables = variables_for(tool, target, target.key(), streams.env)
    kept = {name: value for name, value in streams.env.items() if name not in variables}
    return kept | {name: native_path(value) for name, value in variables.items() if value is not None}


def _check(program: str, env: Mapping[str, str]) -> None:
    if shutil.which(program, path=env.get("PATH")):
        return
    if os.path.dirname(program) and os.path.exists(program):
        reason = "is a folder" if os.path.isdir(program) else "is not executable"
        raise NotExecutable(f"{program} {reason}", hint=None if os.path.isdir(program) else f"chmod +x {program}")
    raise CommandNotFound(f"there is no program {program!r}", hint="is it installed, and in PATH?")


def _as_typed(words: list[str]) -> list[str]:
    """The arguments with the bytes that the user typed, where they are no text."""
    raw = sys.argv[-len(words) :]
    return raw if [os.fsencode(word).decode("utf-8", "replace") for word in raw] == words else words


app = command(ExecOptions, run, EXAMPLES)
# What follows COMMAND is its own, also without a `--` before it.
app.registered_commands[0].context_settings = {"allow_interspersed_args": False}
