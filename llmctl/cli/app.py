"""The command line's top: the table of commands, and the one place where errors become exit codes."""

from __future__ import annotations

import errno
import os
import re
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer

from llmctl import __version__
from llmctl.cli.commands import COMMANDS, SECTIONS
from llmctl.cli.lazy import lazy_group
from llmctl.cli.options import make_app, signature_of
from llmctl.cli.settings import Settings
from llmctl.cli.streams import DIM, OutputClosed, OutputFailed, Streams
from llmctl.core.suggest import did_you_mean
from llmctl.errors import Interrupted, LlmctlError, UsageError


def _version(show: bool) -> None:
    if show:
        Streams().out(f"llmctl {__version__}")
        raise typer.Exit


@dataclass(frozen=True)
class RootOptions(Settings):
    """Options before the command: the global ones, and the version."""

    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version.")
    ] = False


def _root(ctx: typer.Context, version: bool, **values: Any) -> None:
    """One command line for every OpenAI-compatible provider."""
    streams: Streams = ctx.obj
    streams.settings = Settings(**values)
    if ctx.invoked_subcommand is None:
        if not (streams.input_terminal and streams.terminal and streams.error_terminal):
            raise HelpWanted(ctx.get_help())
        tui = import_module(COMMANDS["tui"].module)
        tui.run(tui.TuiOptions(), streams)


_root.__signature__ = signature_of(RootOptions)  # type: ignore[attr-defined]
app = make_app("One command line for every OpenAI-compatible provider.")
app.callback(
    cls=lazy_group(SECTIONS),
    invoke_without_command=True,
    subcommand_metavar="[COMMAND …]",
    epilog="\b\nStart here:\n"
    '  llmctl chat -p demo "Hello"      an answer without any account\n'
    "  llmctl                           the chat UI\n"
    "  llmctl init                      find keys and local servers\n"
    "  llmctl COMMAND --help            more about a command, with examples\n\n"
    "\b\nThe options above may also stand after the command, and be variables: LLMCTL_QUIET=1.",
)(_root)


class HelpWanted(UsageError):
    """A group without a command: its message is the help."""


def run(args: list[str]) -> int:
    """Run the command line; the exit code. Nothing but this function turns an error into one."""
    args = [os.fsencode(argument).decode("utf-8", "replace") for argument in args]
    streams = Streams()
    streams.json_errors = _wants_json(args)
    try:
        code = typer.main.get_command(app).main(args, prog_name="llmctl", standalone_mode=False, obj=streams)
        if code == 130:
            raise Interrupted("interrupted")
        streams.flush()
    except OutputClosed:
        _discard_output()
        return 0
    except (KeyboardInterrupt, typer.Abort):
        return _fail(Interrupted("interrupted"), streams)
    except Exception as error:  # noqa: BLE001 - the boundary
        failure = _as_ours(error, args)
        if isinstance(failure, OutputFailed):
            _discard_output()
        return _fail(failure, streams)
    return code if isinstance(code, int) else 0


def _as_ours(error: Exception, args: list[str]) -> LlmctlError:
    """The error to show: ours, Typer's in our words, a full disk under Typer's help, or a bug."""
    if isinstance(error, LlmctlError):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EIO, errno.EBADF):
        return OutputFailed(f"the answer can't be written: {error.strerror}")
    if hasattr(error, "format_message"):
        return _usage(error, args)
    if os.environ.get("LLMCTL_TRACEBACK"):
        raise error
    return LlmctlError(
        f"a bug in llmctl: {type(error).__name__}: {error}",
        hint="run it again with LLMCTL_TRACEBACK=1 and report what it prints",
    )


def _wants_json(args: list[str]) -> bool:
    before = args[: args.index("--")] if "--" in args else args
    return "--json" in before or "--jsonl" in before


def _fail(error: LlmctlError, streams: Streams) -> int:
    if streams.json_errors:
        import json

        streams.say(json.dumps({"error": error.as_dict()}, ensure_ascii=False))
        return error.exit_code
    if isinstance(error, HelpWanted):
        streams.say(error.message)
        return error.exit_code
    if isinstance(error, Interrupted) and streams.error_terminal:
        streams.say("")  # the terminal has shown ^C on this line
    named = error.profile in re.split(r"[\s,:;'\"]+", error.message)
    where = f"{error.profile}: " if error.profile and not named else ""
    streams.error(where + error.message, error.hint)
    details = {"status": error.status, "request id": error.request_id, "retry after": _seconds(error.retry_after)}
    known = ", ".join(f"{name} {value}" for name, value in details.items() if value)
    if known:
        streams.say(streams.paint(f"       {known}", DIM))
    return error.exit_code


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:g} s"


def _usage(error: Any, args: list[str]) -> UsageError:
    """Typer's usage errors in our words."""
    message = error.format_message()
    if type(error).__name__ == "NoArgsIsHelpError":
        return HelpWanted(message)
    possible = getattr(error, "possibilities", None)
    if possible:
        option = getattr(error, "option_name", "")
        hint = did_you_mean(option, possible) or f"did you mean {' or '.join(sorted(possible))}?"
        return UsageError(f"no such option: {option}", hint=hint)
    variable = _variable(error, args)
    if variable:
        return UsageError(f"{variable}: {getattr(error, 'message', message)}".rstrip("."))
    command = f"llmctl {args[0]}" if args and args[0] in COMMANDS else "llmctl"
    context = getattr(error, "ctx", None)
    return UsageError(
        message.strip().rstrip("."), hint=f"see {context.command_path if context else command} --help"
    )


def _variable(error: Any, args: list[str]) -> str | None:
    """The environment variable that holds the bad value, where no option does."""
    parameter = getattr(error, "param", None)
    name = getattr(parameter, "envvar", None)
    given = any(arg.partition("=")[0] in parameter.opts for arg in args) if parameter else True
    return name if isinstance(name, str) and os.environ.get(name) and not given else None


def _discard_output() -> None:
    """Point stdout at nothing, or Python complains when it flushes at exit."""
    if sys.stdout is None:
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
