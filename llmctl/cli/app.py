"""The command line's top: the table of commands, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from llmctl import __version__
from llmctl.cli.lazy import Table, lazy_group
from llmctl.cli.options import make_app
from llmctl.cli.streams import DIM, OutputClosed, OutputFailed, Streams
from llmctl.errors import Interrupted, LlmctlError, UsageError

COMMANDS: Table = {
    "chat": ("llmctl.cli.chat.command", "Ask a model; the answer streams to stdout."),
    "embed": ("llmctl.cli.embed.command", "Turn texts into vectors."),
    "models": ("llmctl.cli.models", "List the models of a provider."),
    "init": ("llmctl.cli.init.command", "Find keys and local servers, and make profiles of them."),
    "profile": ("llmctl.cli.profile.group", "Add, show, change and test profiles."),
    "use": ("llmctl.cli.use", "Switch to a profile."),
    "current": ("llmctl.cli.current", "Print the profile and model in use."),
    "key": ("llmctl.cli.key.group", "Set, remove and test keys."),
    "demo": ("llmctl.cli.demo.group", "Run the demo provider for other programs."),
    "help": ("llmctl.cli.help", "Read about a topic: scripting, config, quirks."),
}

app = make_app("One command line for every OpenAI-compatible provider.")


def _version(show: bool) -> None:
    if show:
        Streams().out(f"llmctl {__version__}")
        raise typer.Exit


@app.callback(
    cls=lazy_group(COMMANDS),
    no_args_is_help=True,
    subcommand_metavar="COMMAND …",
    epilog="\b\nStart here:\n"
    '  llmctl chat -p demo "Hello"      an answer without any account\n'
    "  llmctl init                      find keys and local servers\n"
    "  llmctl COMMAND --help            more about a command, with examples",
)
def root(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """One command line for every OpenAI-compatible provider."""


def run(args: list[str]) -> int:
    """Run the command line; the exit code. Nothing but this function turns an error into one."""
    streams = Streams()
    streams.json_errors = _wants_json(args)
    try:
        code = typer.main.get_command(app).main(args, prog_name="llmctl", standalone_mode=False)
        if code == 130:
            raise Interrupted("interrupted")
        streams.flush()
    except OutputClosed:
        _discard_output()
        return 0
    except OutputFailed as error:
        _discard_output()
        return _fail(error, streams)
    except LlmctlError as error:
        return _fail(error, streams)
    except KeyboardInterrupt:
        return _fail(Interrupted("interrupted"), streams)
    except typer.Abort:
        return _fail(Interrupted("interrupted"), streams)
    except Exception as error:  # noqa: BLE001 - the boundary
        if hasattr(error, "format_message"):  # Typer's own usage errors
            return _usage(error, streams)
        return _bug(error, streams)
    return code if isinstance(code, int) else 0


def _wants_json(args: list[str]) -> bool:
    before = args[: args.index("--")] if "--" in args else args
    return "--json" in before or "--jsonl" in before


def _fail(error: LlmctlError, streams: Streams) -> int:
    if streams.json_errors:
        import json

        streams.say(json.dumps({"error": error.as_dict()}, ensure_ascii=False))
        return error.exit_code
    if isinstance(error, Interrupted) and streams.error_terminal:
        streams.say("")  # the terminal has shown ^C on this line
    where = f"{error.profile}: " if error.profile and error.profile not in error.message else ""
    streams.error(where + error.message, error.hint)
    details = {"status": error.status, "request id": error.request_id, "retry after": _seconds(error.retry_after)}
    known = ", ".join(f"{name} {value}" for name, value in details.items() if value)
    if known:
        streams.say(streams.paint(f"       {known}", DIM))
    return error.exit_code


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:g} s"


def _usage(error: Any, streams: Streams) -> int:
    """Typer's usage errors, in our words. No message at all means that help was asked for."""
    message = error.format_message()
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        streams.say(message)
        return 2
    possible = getattr(error, "possibilities", None)
    hint = f"did you mean {' or '.join(sorted(possible))}?" if possible else None
    if hint:
        message = f"no such option: {getattr(error, 'option_name', '')}"
    if context is not None and not hint:
        hint = f"see {context.command_path} --help"
    return _fail(UsageError(message.strip().rstrip("."), hint=hint), streams)


def _bug(error: Exception, streams: Streams) -> int:
    if os.environ.get("LLMCTL_TRACEBACK"):
        raise error
    failure = LlmctlError(
        f"a bug in llmctl: {type(error).__name__}: {error}",
        hint="run it again with LLMCTL_TRACEBACK=1 and report what it prints",
    )
    return _fail(failure, streams)


def _discard_output() -> None:
    """Point stdout at nothing, or Python complains when it flushes at exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
