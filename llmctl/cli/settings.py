"""The global options: how much is said, and in which colours. Each has a variable LLMCTL_… beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer

COLOR = ("auto", "always", "never")
THEMES = ("terminal", "dark", "light")


def _one_of(words: tuple[str, ...]) -> Any:
    def check(value: str) -> str:
        if value and value not in words:
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(words)}.")
        return value

    return check


@dataclass(frozen=True)
class Settings:
    """The options that every command takes."""

    quiet: Annotated[
        bool,
        typer.Option(
            "-q", "--quiet", envvar="LLMCTL_QUIET", show_envvar=False, help="No notes, no progress, no retries."
        ),
    ] = False
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            envvar="LLMCTL_VERBOSE",
            show_envvar=False,
            help="Requests and timings on stderr, keys withheld.",
        ),
    ] = False
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            envvar="LLMCTL_DEBUG",
            show_envvar=False,
            help="Everything on the wire into a file, keys withheld.",
        ),
    ] = False
    debug_file: Annotated[
        str,
        typer.Option(
            "--debug-file",
            metavar="FILE",
            envvar="LLMCTL_DEBUG_FILE",
            show_envvar=False,
            help="The same, into this file (mode 0600).",
        ),
    ] = ""
    color: Annotated[
        str,
        typer.Option(
            "--color",
            metavar="WHEN",
            envvar="LLMCTL_COLOR",
            show_envvar=False,
            callback=_one_of(COLOR),
            help="auto (terminals only), always or never.",
        ),
    ] = "auto"
    theme: Annotated[
        str,
        typer.Option(
            "--theme",
            metavar="NAME",
            envvar="LLMCTL_THEME",
            show_envvar=False,
            callback=_one_of(THEMES),
            help="Colours of answers: terminal (its own 16), dark or light.",
        ),
    ] = ""
    no_pager: Annotated[
        bool,
        typer.Option(
            "--no-pager", envvar="LLMCTL_NO_PAGER", show_envvar=False, help="Never open a pager for long output."
        ),
    ] = False
    no_log: Annotated[
        bool,
        typer.Option(
            "--no-log",
            envvar="LLMCTL_NO_LOG",
            show_envvar=False,
            help="Keep nothing of this in the history, and count no cost.",
        ),
    ] = False

    def overlaid(self, later: Mapping[str, Any]) -> Settings:
        """These, with what was given after the command, which beats what stands before it. None: not given."""
        return replace(self, **{name: value for name, value in later.items() if value is not None})
