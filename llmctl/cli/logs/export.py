"""`llmctl logs export`."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from llmctl.cli.history import store_to_read
from llmctl.cli.logs.chosen import all_chosen, chosen
from llmctl.cli.options import command
from llmctl.cli.streams import Streams, harmless
from llmctl.errors import UsageError
from llmctl.platforms import native_path

if TYPE_CHECKING:
    from llmctl.store.conversations import Conversation
    from llmctl.store.store import Store

EXAMPLES = """
llmctl logs export > talk.md
llmctl logs export 3fa81c 90bd -F json -o talks.json
llmctl logs export --everything -F jsonl -o backup.jsonl
"""


@dataclass(frozen=True)
class ExportOptions:
    """Options of `llmctl logs export`."""

    conversations: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Beginnings of ids; without one, the last.")
    ] = None
    everything: Annotated[bool, typer.Option("--everything", help="All conversations.")] = False
    form: Annotated[
        Literal["markdown", "json", "jsonl"],
        typer.Option("-F", "--format", metavar="FORMAT", help="markdown, json or jsonl [markdown]."),
    ] = "markdown"
    output: Annotated[
        str | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Write a new file (mode 0600); '-' is standard output."
        ),
    ] = None


def run(options: ExportOptions, streams: Streams) -> None:
    """Write conversations as Markdown to read, or as JSON with everything, for `llmctl logs import`.

    json is one list, jsonl one conversation a line. Both hold all variants, files and costs.
    """
    if options.everything and options.conversations:
        raise UsageError("--everything and ids exclude each other")
    with store_to_read(streams) as store, store.snapshot():
        conversations = _chosen(options, store)
        pieces = _pieces(store, conversations, options.form)
        if options.output in (None, "-"):
            for piece in pieces:
                streams.out(harmless(piece) if streams.terminal else piece, end="")
        else:
            _write(options.output or "", pieces)
            streams.say(f"wrote {_count(len(conversations))}: {options.output}")


def _chosen(options: ExportOptions, store: Store) -> list[Conversation]:
    if options.everything:
        return store.conversations.matching()[::-1]  # the oldest first, as they came
    return all_chosen(store, options.conversations) if options.conversations else [chosen(store, None)]


def _pieces(store: Store, conversations: list[Conversation], form: str) -> Iterator[str]:
    """The output in pieces, so that a long history need not be held in memory."""
    if form == "json" and not conversations:
        yield "[]\n"
        return
    for at, conversation in enumerate(conversations):
        if form == "markdown":
            yield ("\n---\n\n" if at else "") + _markdown(store, conversation)
        elif form == "jsonl":
            yield _json(store, conversation) + "\n"
        else:
            yield ("[\n" if at == 0 else ",\n") + _json(store, conversation)
    if form == "json":
        yield "\n]\n"


def _markdown(store: Store, conversation: Conversation) -> str:
    from llmctl.cli.logs.transcript import as_markdown, load

    return as_markdown(load(store, conversation, store.ledger.of_conversation(conversation.id)))


def _json(store: Store, conversation: Conversation) -> str:
    from llmctl.cli.logs.record import export

    return json.dumps(export(store, conversation), ensure_ascii=False)


def _write(name: str, pieces: Iterator[str]) -> None:
    """Raises UsageError; a file that could not be written to its end is removed."""
    path = os.path.expanduser(native_path(name))
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UsageError(f"{name} exists already", hint="choose another name") from error
    except OSError as error:
        raise UsageError(f"can't write {name}: {error.strerror or error}") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(pieces)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(path)
        if isinstance(error, OSError):
            raise UsageError(f"can't write {name}: {error.strerror or error}") from error
        raise


def _count(number: int) -> str:
    return f"{number} conversation{'' if number == 1 else 's'}"


app = command(ExportOptions, run, EXAMPLES)
