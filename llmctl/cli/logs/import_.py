"""`llmctl logs import`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.history import store_to_change
from llmctl.cli.options import command
from llmctl.cli.streams import Streams

EXAMPLES = """
llmctl logs import backup.jsonl
llmctl logs import talk.json                     as /save writes it
llmctl logs import "$(llm logs path)"            the history of llm
ssh other llmctl logs export --everything -F jsonl | llmctl logs import -
"""


@dataclass(frozen=True)
class ImportOptions:
    """Options of `llmctl logs import`."""

    file: Annotated[str, typer.Argument(metavar="FILE|-", help="What to read; '-' is standard input.")]


def run(options: ImportOptions, streams: Streams) -> None:
    """Read conversations from a file: all of them or, if one is wrong, none.

    It may be JSON or JSON lines as `llmctl logs export` writes them, a list of OpenAI messages, an
    object with "messages", or the logs.db of llm. What is there already is skipped, also where it went
    on since, so a file can be read again; one that differs is kept beside, under a new id.
    """
    from llmctl.cli.logs.incoming import read_conversations
    from llmctl.cli.logs.takein import TakeIn

    records = read_conversations(options.file, streams)
    with store_to_change(streams) as store, store.transaction():
        taken = TakeIn(store)
        for record in records:
            taken.take(record)
    skipped = f"; {taken.skipped} skipped: here already" if taken.skipped else ""
    streams.say(f"imported {taken.came} conversation{'' if taken.came == 1 else 's'}{skipped}")


app = command(ImportOptions, run, EXAMPLES)
