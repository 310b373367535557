"""`llmctl logs prune`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from llmctl.cli.history import store_to_change, store_to_read
from llmctl.cli.logs.rm import ask_first, described, give_back, remove
from llmctl.cli.options import command
from llmctl.cli.streams import Streams, harmless
from llmctl.core.when import duration
from llmctl.errors import UsageError

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
    before = time.time() - _length(options.older_than)
    if options.dry_run:
        with store_to_read(streams) as store, store.snapshot():
            old = store.conversations.older_than(before, options.pinned)
            for line in described(store, old):
                streams.out(harmless(line) if streams.terminal else line)
            streams.say(
                f"would remove {_counted(len(old), _requests(store, old, before) if options.costs else 0)}"
            )
        return
    if not (streams.input_terminal or options.yes):
        raise UsageError("nobody can be asked whether to remove them", hint="--yes removes without asking")
    with store_to_change(streams) as store:
        with store.snapshot():
            old = store.conversations.older_than(before, options.pinned)
            question = [] if options.yes else _question(store, old, before, options.costs)
        if question and (old or options.costs):
            ask_first(question)
        removed = remove(store, [found.id for found in old], lambda found: _may_go(found, before, options.pinned))
        requests = _forget(store, before) if options.costs else 0
        give_back(store.shrink, streams)
    streams.say(f"removed {_counted(removed, requests)}")


def _length(text: str) -> float:
    """Seconds. Raises UsageError, also for none: that would be all that there is."""
    seconds = duration(text)
    if not seconds:
        raise UsageError(f"--older-than {text} would remove everything", hint="for example: 12h, 30d, 6m")
    return seconds


def _may_go(found: Conversation, before: float, pinned: bool) -> bool:
    """Asked once more when it is removed: it may have been used or pinned since."""
    return found.updated < before and (pinned or not found.pinned)


def _forget(store: Store, before: float) -> int:
    with store.transaction():
        return store.ledger.forget(before)


def _question(store: Store, old: list[Conversation], before: float, costs: bool) -> list[str]:
    requests = _requests(store, old, before) if costs else 0
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


app = command(PruneOptions, run, EXAMPLES)
