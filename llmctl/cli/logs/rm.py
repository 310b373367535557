"""`llmctl logs rm`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from llmctl.cli.history import store_to_change
from llmctl.cli.logs.chosen import all_chosen
from llmctl.cli.logs.words import one_line
from llmctl.cli.options import command
from llmctl.cli.streams import Streams, harmless
from llmctl.errors import Interrupted, StoreFailed
from llmctl.store.conversations import SHORTEST_ID

if TYPE_CHECKING:
    from llmctl.store.conversations import Conversation
    from llmctl.store.store import Store

AT_ONCE = 100
"""So many conversations are removed in one transaction."""


@dataclass(frozen=True)
class RmOptions:
    """Options of `llmctl logs rm`."""

    conversations: Annotated[list[str], typer.Argument(metavar="ID...", help="The beginnings of their ids.")]
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False


def run(options: RmOptions, streams: Streams) -> None:
    """Remove conversations for good, with their files. What they cost stays counted in llmctl usage."""
    with store_to_change(streams) as store:
        with store.snapshot():
            conversations = all_chosen(store, options.conversations)
            lines = described(store, conversations)
        if streams.input_terminal and not options.yes:
            ask_first([*lines, f"Remove {'it' if len(lines) == 1 else 'them'} for good?"])
        remove(store, [conversation.id for conversation in conversations])
        give_back(store.scrub, streams)
    for line in lines:
        streams.say(harmless(f"removed {line}"))


def remove(store: Store, ids: Sequence[str], may_go: Callable[[Conversation], bool] = lambda found: True) -> int:
    """Remove those that may still go, a part at a time, so that other programs can write in between; how many."""
    removed = 0
    for start in range(0, len(ids), AT_ONCE):
        with store.transaction():
            found = [store.conversations.get(number) for number in ids[start : start + AT_ONCE]]
            gone = [each.id for each in found if each and may_go(each)]
            for number in gone:
                store.conversations.remove(number)
        removed += len(gone)
    return removed


def give_back(way: Callable[[], None], streams: Streams) -> None:
    """Have the store forget the room of what was removed. A failure is a warning: the rest is done."""
    try:
        way()
    except StoreFailed as error:
        streams.warn(f"what was removed still takes its room on the disk: {error.message}")


def described(store: Store, conversations: list[Conversation]) -> list[str]:
    """A line for each: its short id and its title."""
    short = store.conversations.short_ids()
    return [
        f"{short.get(found.id, found.id[:SHORTEST_ID])}  {one_line(found.title) or 'Untitled'}"
        for found in conversations
    ]


def ask_first(lines: list[str]) -> None:
    """Show the lines, the last one being the question. Raises Interrupted unless the answer is yes."""
    if not typer.confirm("\n".join(harmless(line) for line in lines), err=True):
        raise Interrupted("nothing was removed")


app = command(RmOptions, run, "llmctl logs rm 3fa81c 90bd44 --yes")
