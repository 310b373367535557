"""`llmctl similar`: the nearest texts in meaning."""

from __future__ import annotations

import heapq
import math
import os
import shutil
import sys
from array import array
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from llmctl.cli.embed.inputs import Item, read_lines
from llmctl.cli.embed.work import Limits, Work
from llmctl.cli.options import TargetOptions, command
from llmctl.cli.session import Session, open_session
from llmctl.cli.similar.score import scores
from llmctl.cli.similar.vectors import Row, Vectors, read_vectors
from llmctl.cli.streams import Streams, decode_input
from llmctl.cli.table import cell_width, print_table
from llmctl.core.params import parse_options
from llmctl.errors import UsageError
from llmctl.platforms import native_path

EXAMPLES = """
llmctl similar "how do I get my money back" questions.txt
llmctl embed -f questions.txt -O questions.jsonl && llmctl similar "refund" questions.jsonl -k 3
llmctl similar "refund" questions.npy --texts questions.txt --threshold 0.5 --json
git log --format=%s | llmctl similar "fix a race" -
"""


@dataclass(frozen=True, kw_only=True)
class SimilarOptions(TargetOptions):
    """Options of `llmctl similar`."""

    query: Annotated[str, typer.Argument(metavar="QUERY", help="What to look for.")]
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A text a line, or what `llmctl embed` wrote; - is stdin.")
    ]
    count: Annotated[int, typer.Option("-k", "--count", metavar="N", min=1, help="How many at the most.")] = 10
    threshold: Annotated[
        float | None, typer.Option("--threshold", metavar="X", min=-1, max=1, help="Only scores from X on.")
    ] = None
    texts: Annotated[
        str | None, typer.Option("--texts", metavar="FILE", help="The texts of a .npy file, one a line.")
    ] = None
    option: Annotated[
        list[str] | None, typer.Option("-o", "--option", metavar="KEY=VALUE", help="Any request parameter.")
    ] = None
    batch: Annotated[
        int | None, typer.Option("--batch", metavar="N", min=1, help="Most texts in one request.")
    ] = None
    fresh: Annotated[bool, typer.Option("--fresh", help="Do not resume an interrupted run.")] = False
    json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False


def run(options: SimilarOptions, streams: Streams) -> None:
    """Find the lines nearest in meaning to a text. Scores are cosines: 1 is the same direction, 0 unrelated.

    The lines of a text file are embedded each time; a file that `llmctl embed` wrote costs only the
    query. An interrupted run is resumed by the same command. Into a pipe: score, tab, text.
    """
    if not options.query.strip():
        raise UsageError("there is nothing to look for")
    if options.threshold is not None and math.isnan(options.threshold):
        raise UsageError("--threshold must be a number from -1 to 1")
    data = _read(options.file, streams)
    vectors = read_vectors(data, options.file)
    if options.texts and not vectors:
        raise UsageError("--texts is for a file of vectors", hint=f"{options.file} holds the texts itself")
    session = open_session(options, streams)
    if vectors:
        vectors = _with_texts(vectors, options, streams)
        rows = vectors.rows
        query = _embedded_query(options, vectors, session)
    else:
        items = _items(data, options.file, streams)
        query, rows = _embedded_lines(options, items, session)
    _show(_nearest(query, rows, options), options, streams)


def _read(name: str, streams: Streams) -> bytes:
    if name == "-":
        if streams.input_terminal:
            streams.say("Type the texts, one a line, then Ctrl-D.")
        return sys.stdin.buffer.read() if sys.stdin is not None else b""
    try:
        return Path(native_path(name)).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"can't read {name}: {reason}") from error


def _items(data: bytes, name: str, streams: Streams) -> list[Item]:
    """The lines as texts; empty ones are passed over. Raises UsageError where there is none."""
    items, _ = read_lines(decode_input(data, "standard input" if name == "-" else name), name, None)
    if not items:
        raise UsageError(f"{name} holds no texts")
    return items


def _with_texts(vectors: Vectors, options: SimilarOptions, streams: Streams) -> Vectors:
    """The vectors with the lines of --texts, which `llmctl embed` counted without the empty ones."""
    if not options.texts:
        return vectors
    items = _items(_read(options.texts, streams), options.texts, streams)
    if len(items) != len(vectors.rows):
        raise UsageError(f"{options.texts} has {len(items)} texts, {options.file} {len(vectors.rows)} vectors")
    pairs = zip(vectors.rows, items, strict=True)
    rows = [replace(row, text=item.text, id=item.id, line=item.line or row.line) for row, item in pairs]
    return replace(vectors, rows=rows)


def _embedded_query(options: SimilarOptions, vectors: Vectors, session: Session) -> array[float]:
    """The query's vector, made by the file's model. Raises UsageError when it can't be compared."""
    if vectors.model and not options.model:
        session.target = replace(session.target, embedding_model=vectors.model)
    work = _embed([Item(options.query)], [], options, session)
    query = work.vectors[options.query]
    if len(query) != vectors.dimensions:
        made = f" by {vectors.model}" if vectors.model else ""
        raise UsageError(
            f"{options.file} holds vectors of {vectors.dimensions} numbers{made}, {work.model} gives {len(query)}",
            hint=f"name the file's model with -m, or ask for shorter ones: -o dimensions={vectors.dimensions}",
        )
    if vectors.model and options.model and vectors.model not in (work.model, session.target.embedding_model):
        session.streams.warn(f"{options.file} was made by {vectors.model}: scores of two models mean little")
    return query


def _embedded_lines(
    options: SimilarOptions, items: list[Item], session: Session
) -> tuple[array[float], list[Row]]:
    """The query's vector and those of the lines, in one run of batches."""
    files = [os.path.abspath(options.file)] if options.file != "-" else []
    work = _embed([Item(options.query), *items], files, options, session)
    session.streams.note(f"embedded {len(work.texts)} texts with {work.model}{_cost(work)}")
    rows = [
        Row(work.vectors[item.text], item.line or number, item.text, item.id)
        for number, item in enumerate(items, 1)
    ]
    return work.vectors[options.query], rows


def _embed(items: list[Item], files: list[str], options: SimilarOptions, session: Session) -> Work:
    """Embed the texts. What had come when it was interrupted is there for the next run."""
    limits = Limits(options.batch, 4, not options.fresh, files)
    work = Work(session, items, parse_options(options.option or ()), limits)
    try:
        session.run(work.run, concurrent=work.concurrent)
    except BaseException:
        done = work.close(complete=False)
        if done:
            session.streams.note(
                f"{done} of {len(work.texts)} texts are kept; the same command goes on from there"
            )
        raise
    work.close(complete=True)
    return work


def _cost(work: Work) -> str:
    summary = work.summary()
    tokens, cost = summary["usage"]["prompt_tokens"], summary["cost"]
    return (f", {tokens} tokens" if tokens else "") + (f", ${cost:.6f}" if cost else "")


def _nearest(query: array[float], rows: list[Row], options: SimilarOptions) -> list[tuple[float, Row]]:
    """(score, row), best first; equal scores in the order of the file."""
    found = zip(scores(query, [row.vector for row in rows]), rows, strict=True)
    passing = (pair for pair in found if options.threshold is None or pair[0] >= options.threshold)
    return heapq.nsmallest(options.count, passing, key=lambda pair: (-pair[0], pair[1].line))


def _show(found: list[tuple[float, Row]], options: SimilarOptions, streams: Streams) -> None:
    if options.json:
        streams.out_json([_as_json(score, row) for score, row in found])
    else:
        table = [[f"{score:.4f}", _label(row, streams)] for score, row in found]
        print_table(streams, ["SCORE", "TEXT"], table, right={0})
    if not found:
        streams.note(f"nothing scores {options.threshold:g} or more")


def _as_json(score: float, row: Row) -> dict[str, Any]:
    """The stable object of --json."""
    return {"score": round(score, 6), "line": row.line, "text": row.text, "id": row.id}


def _label(row: Row, streams: Streams) -> str:
    """The text on one line, cut to the terminal; without a text the row's id or number."""
    if row.text is None:
        return str(row.id) if row.id is not None else f"line {row.line}"
    if not streams.terminal:
        return row.text.replace("\t", " ").replace("\n", " ")
    return _cut(" ".join(row.text.split()), shutil.get_terminal_size().columns - len("-1.0000  "))


def _cut(text: str, width: int) -> str:
    """As much of the text as fits the columns, wide characters counted as two."""
    if cell_width(text) <= width:
        return text
    while text and cell_width(text) >= width:
        text = text[: min(len(text) - 1, width)]
    return f"{text}…"


app = command(SimilarOptions, run, EXAMPLES)
