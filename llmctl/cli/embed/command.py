"""`llmctl embed`: texts to vectors."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from llmctl.cli.embed.inputs import read_items
from llmctl.cli.embed.output import FORMATS, Result, encode
from llmctl.cli.embed.work import Limits, Work
from llmctl.cli.options import TargetOptions, command
from llmctl.cli.session import open_session
from llmctl.cli.streams import Streams
from llmctl.core.params import parse_options
from llmctl.errors import UsageError

EXAMPLES = """
llmctl embed "a text" "another"
llmctl embed -f notes.txt -O notes.npy
cat texts.jsonl | llmctl embed -f - --field body --csv > vectors.csv
llmctl embed -f big.txt -O big.jsonl      interrupted? the same command goes on where it stopped
"""


@dataclass(frozen=True)
class EmbedOptions(TargetOptions):
    """Options of `llmctl embed`."""

    texts: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]...", help="Texts; else lines of stdin.")] = (
        None
    )
    file: Annotated[
        list[str] | None,
        typer.Option("-f", "--file", metavar="FILE", help="A text a line, or .jsonl; - is stdin."),
    ] = None
    whole: Annotated[bool, typer.Option("--whole", help="Each file is one text.")] = False
    field: Annotated[
        str | None, typer.Option("--field", metavar="KEY", help="Input is JSON lines; the text is under KEY.")
    ] = None
    output: Annotated[
        str | None,
        typer.Option("-O", "--output", metavar="FILE", help="Write to FILE: .json, .jsonl, .csv or .npy."),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False
    jsonl: Annotated[bool, typer.Option("--jsonl", help="A JSON object a line (the default).")] = False
    csv: Annotated[bool, typer.Option("--csv", help="CSV with a header.")] = False
    npy: Annotated[bool, typer.Option("--npy", help="A NumPy file: float32, a row a text.")] = False
    dimensions: Annotated[
        int | None, typer.Option("--dimensions", metavar="N", min=1, help="Shorter vectors.")
    ] = None
    option: Annotated[
        list[str] | None, typer.Option("-o", "--option", metavar="KEY=VALUE", help="Any request parameter.")
    ] = None
    batch: Annotated[
        int | None, typer.Option("--batch", metavar="N", min=1, help="Most texts in one request.")
    ] = None
    parallel: Annotated[
        int, typer.Option("--parallel", metavar="N", min=1, max=64, help="Requests at a time.")
    ] = 4
    fresh: Annotated[bool, typer.Option("--fresh", help="Do not resume an interrupted run.")] = False


def run(options: EmbedOptions, streams: Streams) -> None:
    """Turn texts into vectors, in batches that the provider takes.

    An interrupted run is resumed by the same command, without paying twice; equal texts are paid
    once. Rows come in the order of the texts: index, id (from JSON lines), text, embedding.
    """
    kind = _kind(options)
    if kind == "npy" and not options.output and streams.terminal:
        raise UsageError("a .npy file is no text for a terminal", hint="write it with -O FILE.npy")
    session = open_session(options, streams)
    items = read_items(options.texts or [], options.file or [], options.whole, options.field, streams)
    params = parse_options(options.option or ()) | (
        {"dimensions": options.dimensions} if options.dimensions else {}
    )
    work = Work(session, items, params, _limits(options))
    try:
        session.run(work.run, concurrent=work.concurrent)
    except BaseException:
        done = work.close(complete=False)
        if done:
            streams.note(f"{done} of {len(work.texts)} texts are kept; the same command goes on from there")
        raise
    result = Result(items, [work.vectors[item.text] for item in items], work.summary())
    _write(result, kind, options.output, streams)
    work.close(complete=True)


def _limits(options: EmbedOptions) -> Limits:
    files = [os.path.abspath(file) for file in options.file or () if file != "-"]
    return Limits(options.batch, options.parallel, not options.fresh, files)


def _kind(options: EmbedOptions) -> str:
    """The format: an option, else the output file's ending, else JSON lines. Raises UsageError."""
    chosen = [kind for kind in FORMATS if getattr(options, kind)]
    if len(chosen) > 1:
        raise UsageError(f"--{chosen[0]} and --{chosen[1]} exclude each other")
    if chosen:
        return chosen[0]
    if not options.output:
        return "jsonl"
    ending = Path(options.output).suffix.lstrip(".").lower()
    if ending not in FORMATS:
        raise UsageError(f"the ending of {options.output} names no format", hint=f"known: .{', .'.join(FORMATS)}")
    return ending


def _write(result: Result, kind: str, output: str | None, streams: Streams) -> None:
    """To stdout in portions; to a file at once, so that no half of one is left behind."""
    if output is None:
        for portion in encode(result, kind):
            streams.out_bytes(portion)
        return
    path = Path(output)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.writelines(encode(result, kind))
        temporary.replace(path)
    except OSError as error:
        raise UsageError(f"can't write {output}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


app = command(EmbedOptions, run, EXAMPLES)
