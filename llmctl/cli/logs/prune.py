"""`llmctl logs prune`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from llmctl.cli.history import store_to_change, store_to_read
from llmctl.cli.logs.rm import ask_first, described
from llmctl.cli.options import command
from llmctl.cli.streams import Streams, harmless
from llmctl.core.when import duration
from llmctl.errors import StoreFailed

if TYPE_CHECKING:
    from llmctl.store.conversations import Conversation
    from llmctl.store.store import Store

EXAMPLES = """
llmctl logs prune --older-than 6m --dry-run
llmctl logs prune --older-than 30d --yes
llmctl logs prune --older-than 1y --pinned --costs
"""
_SHOWN = 20


@dataclass(frozen=True)
class PruneOptions:
    """Options of `llmctl logs prune`."""

    older_than: Annotated[
        str,
        typer.Option("--older-than", metavar="TIME", help="Not used for so long: 12h, 30d, 8w, 6m (months), 1y."),
    ]
    pinned: Annotated[bool, typer.Option("--pinned", help="Also those that are pinned.")] = False
    costs: Annotated[
        bool, typer.Option("--costs", help="Also the requests so old that belong to no conversation any more.")
    ] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False


def run(options: PruneOptions, streams: Streams) -> None:
    """Remove the conversations that were not used for a time, for good.

    Without --costs what they cost stays counted in `llmctl usage`.
    """
    before = time.time() - duration(options.older_than)
    if options.dry_run:
        with store_to_read(streams) as store:
            old = store.conversations.older_than(before, options.pinned)
            for line in described(store, old):
                streams.out(harmless(line) if streams.terminal else line)
            streams.say(
                f"would remove {_counted(len(old), _requests(store, old, before) if options.costs else 0)}"
            )
        return
    with store_to_change(streams) as store:
        old = store.conversations.older_than(before, options.pinned)
        if streams.input_terminal and not options.yes and (old or options.costs):
            ask_first(_question(store, old, _requests(store, old, before) if options.costs else 0))
        with store.transaction():
            for conversation in old:
                store.conversations.remove(conversation.id)
            requests = store.ledger.forget(before) if options.costs else 0
        _shrink(store, streams)
    streams.say(f"removed {_counted(len(old), requests)}")


def _question(store: Store, old: list[Conversation], requests: int) -> list[str]:
    lines = described(store, old[:_SHOWN])
    more = [f"… and {len(old) - _SHOWN} more"] if len(old) > _SHOWN else []
    return [*lines, *more, f"Remove {_counted(len(old), requests)} for good?"]


def _requests(store: Store, old: list[Conversation], before: float) -> int:
    """How many requests belong to no conversation once these are gone."""
    theirs = [request for found in old for request in store.ledger.of_conversation(found.id)]
    return store.ledger.forget(before, dry=True) + sum(request.time < before for request in theirs)


def _counted(conversations: int, requests: int) -> str:
    said = f"{conversations} conversation{'' if conversations == 1 else 's'}"
    return f"{said} and the costs of {requests} request{'' if requests == 1 else 's'}" if requests else said


def _shrink(store: Store, streams: Streams) -> None:
    try:
        store.shrink()
    except StoreFailed as error:
        streams.warn(f"what was removed still takes its room on the disk: {error.message}")


app = command(PruneOptions, run, EXAMPLES)
