"""`llmctl completion install`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from llmctl.cli.completion.scripts import Place, choose_shell, place_of, script_text
from llmctl.cli.options import command
from llmctl.cli.streams import Streams
from llmctl.errors import ConfigError, UsageError

EXAMPLES = """
llmctl completion install
llmctl completion install zsh --rc      adds what zsh needs to .zshrc as well
llmctl completion install --remove      undoes it
"""

MARK = "  # llmctl completion"
"""Stands behind each line that we add to a start-up file."""


@dataclass(frozen=True)
class InstallOptions:
    """Options of `llmctl completion install`."""

    shell: Annotated[
        str | None, typer.Argument(metavar="[SHELL]", help="bash, zsh, fish or powershell [the one in use].")
    ] = None
    rc: Annotated[bool, typer.Option("--rc", help="Add what is needed to the shell's start-up file too.")] = False
    remove: Annotated[bool, typer.Option("--remove", help="Remove the script, and such lines again.")] = False


def run(options: InstallOptions, streams: Streams) -> None:
    """Set completion up in your shell: put a script where the shell looks for it.

    Start-up files are changed only with --rc; without it the lines to add are printed, if the shell
    needs any. Installing twice changes nothing.
    """
    if options.rc and options.remove:
        raise UsageError("--rc and --remove exclude each other")
    shell = choose_shell(options.shell, streams.env)
    place = place_of(shell, streams.env)
    if options.remove:
        _remove(shell, place, streams)
        return
    text = script_text(shell)
    same = _read(place.script) == text
    if not same:
        _write(place.script, text)
    streams.say(f"{shell}: {place.script} {'is up to date' if same else 'written'}")
    if place.lines:
        _start_up(shell, place, options.rc, streams)
    streams.say("Open a new shell and try: llmctl <Tab>")


def _start_up(shell: str, place: Place, wanted: bool, streams: Streams) -> None:
    """Add the lines to the start-up file, or say them."""
    text = _read(place.rc) or ""
    missing = [
        line for line in place.lines if line not in (known.removesuffix(MARK) for known in text.splitlines())
    ]
    if not missing:
        streams.say(f"{shell}: {place.rc} loads it")
    elif wanted:
        gap = "\n" if text and not text.endswith("\n") else ""
        _write(place.rc, text + gap + "".join(f"{line}{MARK}\n" for line in missing))
        streams.say(f"{shell}: added to {place.rc}")
    else:
        begin = (
            "Add this" if place.needed else "If it doesn't complete there (no bash-completion is loaded), add this"
        )
        streams.say(f"{begin} to {place.rc}, or let --rc do it:")
        for line in missing:
            streams.say(f"  {line}")


def _remove(shell: str, place: Place, streams: Streams) -> None:
    text = _read(place.rc)
    kept = "".join(line for line in (text or "").splitlines(keepends=True) if not line.rstrip("\n").endswith(MARK))
    if text is not None and kept != text:
        _write(place.rc, kept)
        streams.say(f"{shell}: {place.rc}: our lines removed")
    there = place.script.exists()
    try:
        place.script.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"can't remove {place.script}: {error.strerror or error}") from error
    streams.say(f"{shell}: {place.script} {'removed' if there else 'is not there'}")


def _read(path: Path) -> str | None:
    """The text; None without a file. Raises ConfigError."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"can't read {path}: {error}") from error


def _write(path: Path, text: str) -> None:
    """Write through a link, if it is one; start-up files often are. Raises ConfigError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    except OSError as error:
        raise ConfigError(f"can't write {path}: {error.strerror or error}") from error


app = command(InstallOptions, run, EXAMPLES)
