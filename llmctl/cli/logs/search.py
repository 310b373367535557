"""`llmctl logs search`."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmctl.cli.history import store_to_read
from llmctl.cli.logs.words import ROLES, cut, iso, local, one_line, out_json, short_date, wrapped
from llmctl.cli.options import command
from llmctl.cli.pager import paged
from llmctl.cli.streams import BOLD, Streams, harmless
from llmctl.cli.table import print_table
from llmctl.store.conversations import SHORTEST_ID

if TYPE_CHECKING:
    from llmctl.store.search import Hit

EXAMPLES = """
llmctl logs search sky blue
llmctl logs search '"blue sky"' -n 5
llmctl logs search kubernetes --json | jq -r '.[].conversation' | sort -u
"""
_INDENT = "  "


@dataclass(frozen=True)
class SearchOptions:
    """Options of `llmctl logs search`."""

    words: Annotated[list[str], typer.Argument(metavar="WORD...", help="What to look for.")]
    number: Annotated[
        int, typer.Option("-n", "--number", metavar="N", min=1, help="How many hits at the most [20].")
    ] = 20
    json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False


def run(options: SearchOptions, streams: Streams) -> None:
    """Find messages that hold all these words, the best ones first.

    Upper case and accents make no difference, and the last word may be unfinished. Words
    in double quotes stay together. Into a pipe each hit is a line of tab-separated fields:
    id, who said it, date, title, and the place where the words stand.
    """
    with store_to_read(streams) as store, store.snapshot():
        hits = store.search.find(" ".join(options.words), options.number)
        short = store.conversations.short_ids()
    if options.json:
        out_json(streams, [_describe(hit) for hit in hits])
    elif streams.terminal:
        with paged(streams):
            for hit in hits:
                _show(hit, short.get(hit.conversation, hit.conversation[:SHORTEST_ID]), streams)
    else:
        print_table(
            streams, (), [_row(hit, short.get(hit.conversation, hit.conversation[:SHORTEST_ID])) for hit in hits]
        )
    if not hits:
        streams.note("nothing found")


def _describe(hit: Hit) -> dict[str, Any]:
    names = ("conversation", "message", "title", "role", "profile", "model")
    values = {name: getattr(hit, name) for name in names}
    return {**values, "created": iso(hit.created), "snippet": _unmarked(hit.snippet)}


def _row(hit: Hit, short: str) -> list[str]:
    return [short, hit.role, local(hit.created), one_line(hit.title), one_line(_unmarked(hit.snippet))]


def _show(hit: Hit, short: str, streams: Streams) -> None:
    """A line about the conversation, and below it the place."""
    columns = shutil.get_terminal_size().columns
    when = short_date(hit.created, time.time())
    line = f"{short}  {when}  {ROLES.get(hit.role, hit.role)}  {one_line(hit.title) or 'Untitled'}"
    streams.out(cut(harmless(line), columns))
    for text in _emphasised(hit.snippet, columns - len(_INDENT), streams.coloured_output):
        streams.out(f"{_INDENT}{text}")


def _emphasised(snippet: str, width: int, coloured: bool) -> list[str]:
    """The lines of a snippet, the found words in bold; bold never goes on behind the end of a line."""
    from llmctl.store.search import END, START

    on, off = (f"\x1b[{BOLD}m", "\x1b[0m") if coloured else ("", "")
    lines, inside = [], False
    for line in wrapped(one_line(snippet), width):
        shown = on if inside else ""
        for letter in line:
            if letter in (START, END):
                inside = letter == START
                shown += on if inside else off
            else:
                shown += harmless(letter)
        lines.append(shown + (off if inside else ""))
    return lines


def _unmarked(snippet: str) -> str:
    from llmctl.store.search import END, START

    return snippet.replace(START, "").replace(END, "")


app = command(SearchOptions, run, EXAMPLES)
