"""`llmctl logs list`."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmctl.cli.history import store_to_read
from llmctl.cli.logs.costs import Costs
from llmctl.cli.logs.words import cut, iso, local, one_line, out_json, short_date, spent, target
from llmctl.cli.options import command
from llmctl.cli.pager import paged
from llmctl.cli.streams import Streams
from llmctl.cli.table import cell_width, print_table
from llmctl.core.when import moment
from llmctl.store.conversations import SHORTEST_ID

if TYPE_CHECKING:
    from llmctl.store.conversations import Conversation
    from llmctl.store.ledger import Request
    from llmctl.store.store import Store

EXAMPLES = """
llmctl logs list
llmctl logs list -p groq --since 7d
llmctl logs list --since yesterday --json | jq -r '.[].title'
"""
NARROW = 60
"""Below this many columns only id, date and title are shown."""


@dataclass(frozen=True)
class ListOptions:
    """Options of `llmctl logs list`."""

    number: Annotated[int, typer.Option("-n", "--number", metavar="N", min=0, help="How many; 0 is all [20].")] = (
        20
    )
    profile: Annotated[
        str | None, typer.Option("-p", "--profile", metavar="NAME", help="Only where this profile answered.")
    ] = None
    model: Annotated[
        str | None, typer.Option("-m", "--model", metavar="NAME", help="Only where this model answered.")
    ] = None
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", help="Only what was used since then: 2026-11-01, 7d, yesterday."),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False


def run(options: ListOptions, streams: Streams) -> None:
    """List the conversations, the newest first.

    Each has an id, of which every command takes the beginning. A * marks those that are pinned. Into
    a pipe each is a line of tab-separated fields: id, date, profile/model, messages, pinned, title.
    """
    now = time.time()
    since = moment(options.since, now) if options.since else 0.0
    with store_to_read(streams) as store, store.snapshot():
        found = store.conversations.matching(options.number or -1, options.profile, options.model, since)
        if options.json:
            out_json(streams, described(store, found, streams))
            return
        short = store.conversations.short_ids()
    with paged(streams):
        if streams.terminal:
            _table(
                streams,
                [_row(conversation, short, short_date(conversation.updated, now)) for conversation in found],
            )
        else:
            print_table(
                streams, (), [_row(conversation, short, local(conversation.updated)) for conversation in found]
            )
    if not found:
        streams.note(
            "nothing found" if options.since or options.profile or options.model else "nothing is kept yet"
        )


def described(store: Store, conversations: list[Conversation], streams: Streams) -> list[dict[str, Any]]:
    """Conversations as JSON, with what they took. What is unknown is null."""
    requests = store.ledger.of_conversations([conversation.id for conversation in conversations])
    theirs: dict[str | None, list[Request]] = {}
    for request in Costs(store, streams).look_up(requests):
        theirs.setdefault(request.conversation, []).append(request)
    return [describe(conversation, theirs.get(conversation.id, [])) for conversation in conversations]


def describe(conversation: Conversation, requests: Sequence[Request]) -> dict[str, Any]:
    """One conversation as JSON, with the sums of its requests."""
    cost, unknown = spent(requests)
    return {
        "id": conversation.id,
        "title": conversation.title,
        "profile": conversation.profile,
        "model": conversation.model,
        "created": iso(conversation.created),
        "updated": iso(conversation.updated),
        "messages": conversation.messages,
        "pinned": conversation.pinned,
        "tokens": sum((each.prompt_tokens or 0) + (each.completion_tokens or 0) for each in requests) or None,
        "cost": cost,
        "unknown_cost": unknown,
    }


def _row(conversation: Conversation, short: dict[str, str], date: str) -> list[str]:
    return [
        short.get(conversation.id, conversation.id[:SHORTEST_ID]),
        date,
        one_line(target(conversation.profile, conversation.model)),
        str(conversation.messages),
        "*" if conversation.pinned else "",
        one_line(conversation.title),
    ]


def _table(streams: Streams, rows: list[list[str]]) -> None:
    """Fitted to the window: the title takes what the others leave."""
    columns = shutil.get_terminal_size().columns
    rows = [[*row[:-1], row[-1] or "Untitled"] for row in rows]
    header = ["ID", "DATE", "MODEL", "MSGS", "", "TITLE"]
    if columns < NARROW:
        header, rows = _without_model(header), [_without_model(row) for row in rows]
    else:
        rows = [[*row[:2], cut(row[2], columns // 3), *row[3:]] for row in rows]
    taken = sum(2 + max(cell_width(row[at]) for row in [header, *rows]) for at in range(len(header) - 1))
    rows = [[*row[:-1], cut(row[-1], max(columns - taken, 8))] for row in rows]
    print_table(streams, header, rows, right={3} if columns >= NARROW else set())


def _without_model(row: list[str]) -> list[str]:
    return [*row[:2], row[4], row[5]]


app = command(ListOptions, run, EXAMPLES)
