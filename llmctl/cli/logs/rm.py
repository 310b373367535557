"""`llmctl logs rm`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from llmctl.cli.history import store_to_change
from llmctl.cli.logs.chosen import all_chosen
from llmctl.cli.logs.words import one_line
from llmctl.cli.options import command
from llmctl.cli.streams import Streams, harmless
from llmctl.errors import Interrupted

if TYPE_CHECKING:
    from llmctl.store.conversations import Conversation
    from llmctl.store.store import Store


@dataclass(frozen=True)
class RmOptions:
    """Options of `llmctl logs rm`."""

    conversations: Annotated[list[str], typer.Argument(metavar="ID...", help="The beginnings of their ids.")]
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False


def run(options: RmOptions, streams: Streams) -> None:
    """Remove conversations for good, with their files. What they cost stays counted in llmctl usage."""
    with store_to_change(streams) as store:
        conversations = all_chosen(store, options.conversations)
        lines = described(store, conversations)
        if streams.input_terminal and not options.yes:
            ask_first([*lines, f"Remove {'it' if len(lines) == 1 else 'them'} for good?"])
        with store.transaction():
            for conversation in conversations:
                store.conversations.remove(conversation.id)
    for line in lines:
        streams.say(harmless(f"removed {line}"))


def described(store: Store, conversations: list[Conversation]) -> list[str]:
    """A line for each: its short id and its title."""
    short = store.conversations.short_ids()
    return [f"{short[found.id]}  {one_line(found.title) or 'Untitled'}" for found in conversations]


def ask_first(lines: list[str]) -> None:
    """Show the lines, the last one being the question. Raises Interrupted unless the answer is yes."""
    if not typer.confirm("\n".join(harmless(line) for line in lines), err=True):
        raise Interrupted("nothing was removed")


app = command(RmOptions, run, "llmctl logs rm 3fa81c 90bd44 --yes")
