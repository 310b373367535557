"""`llmctl help`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from llmctl.cli.options import command
from llmctl.cli.pager import paged
from llmctl.cli.streams import Streams
from llmctl.core.suggest import did_you_mean
from llmctl.errors import UsageError

FOLDER = Path(__file__).parent.parent / "data" / "help"


@dataclass(frozen=True)
class HelpOptions:
    """Options of `llmctl help`."""

    words: Annotated[list[str] | None, typer.Argument(metavar="[TOPIC|COMMAND]", help="What to read about.")] = (
        None
    )
    man: Annotated[bool, typer.Option("--man", help="The manual page; into a pipe or a file as roff.")] = False
    markdown: Annotated[bool, typer.Option("--markdown", help="The README's reference, as Markdown.")] = False


def topics() -> list[str]:
    """The topics there are."""
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


def run(options: HelpOptions, streams: Streams) -> None:
    """Read about a topic, or a command.

    Topics: config, environment, history, programs, prompts, providers, quirks, scripting,
    serve, tools, tui.
    """
    if options.man or options.markdown:
        from llmctl.cli.reference.show import show_reference

        show_reference(options.man, options.markdown, options.words or [], FOLDER, streams)
        return
    words = options.words or []
    if len(words) == 1 and words[0] in topics():
        with paged(streams):
            streams.out((FOLDER / f"{words[0]}.txt").read_text("utf-8"), end="")
        return
    from llmctl.cli.app import run as run_app
    from llmctl.cli.commands import COMMANDS

    if words and words[0] not in COMMANDS:
        raise UsageError(
            f"there is no topic or command {words[0]!r}",
            hint=did_you_mean(words[0], [*topics(), *COMMANDS]) or f"topics: {', '.join(topics())}",
        )
    raise typer.Exit(run_app([*words, "--help"]))


EXAMPLES = """
llmctl help scripting
llmctl help profile add
llmctl help --man                          the same in one page
llmctl help --man > ~/.local/share/man/man1/llmctl.1
"""

app = command(HelpOptions, run, EXAMPLES)
