"""The texts to embed: arguments, lines of files, JSON lines."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from llmctl.cli.streams import Streams, decode_input
from llmctl.errors import UsageError

FIELDS = ("text", "input", "content")
"""Keys under which a JSON line may hold its text."""


@dataclass(frozen=True)
class Item:
    """A text, the id that its line gave it, and the line's number (from 1), if it has any."""

    text: str
    id: str | int | None = None
    line: int | None = None


def read_items(texts: list[str], files: list[str], whole: bool, field: str | None, streams: Streams) -> list[Item]:
    """Arguments, then files ("-" is stdin); stdin alone where there are neither.

    A file is a text a line, or JSON lines where its name ends in .jsonl or `field` is given; with
    `whole` each file is one text. Empty lines are passed over, with a note.
    """
    items = [Item(text) for text in texts if text.strip()]
    sources = files or ([] if texts else ["-"])
    skipped = len(texts) - len(items)
    for source in sources:
        content = _content(source, streams)
        if whole:
            found, empty = [Item(content, source)] if content.strip() else [], int(not content.strip())
        else:
            found, empty = read_lines(content, source, field)
        items += found
        skipped += empty
    if skipped:
        streams.note(f"{skipped} empty {'text was' if skipped == 1 else 'texts were'} passed over")
    if not items:
        raise UsageError("there is nothing to embed", hint='give texts: llmctl embed "Hello", or pipe lines in')
    return items


def _content(source: str, streams: Streams) -> str:
    if source == "-":
        if streams.input_terminal:
            raise UsageError(
                "there is nothing to embed", hint='give texts: llmctl embed "Hello", or pipe lines in'
            )
        return streams.read_input()
    try:
        return decode_input(Path(source).read_bytes(), source)
    except OSError as error:
        raise UsageError(f"can't read {source}: {error.strerror or error}") from error


def read_lines(content: str, source: str, field: str | None) -> tuple[list[Item], int]:
    """(items, number of empty lines). JSON lines where the source's name ends in .jsonl or `field` is given."""
    lines = content.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    as_json = field is not None or source.endswith((".jsonl", ".ndjson"))
    items, empty = [], 0
    for number, line in enumerate(lines, 1):
        item = (
            _json_item(line, f"{source}, line {number}", field)
            if as_json and line.strip()
            else Item(line.rstrip("\r"))
        )
        if item.text.strip():
            items.append(replace(item, line=number))
        else:
            empty += 1
    return items, empty


def _json_item(line: str, where: str, field: str | None) -> Item:
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is not JSON: {error}") from error
    if isinstance(value, str):
        return Item(value)
    names = (field,) if field else FIELDS
    text = (
        next((value[name] for name in names if isinstance(value.get(name), str)), None)
        if isinstance(value, dict)
        else None
    )
    if text is None:
        raise UsageError(f"{where} has no text under {' or '.join(names)}", hint="name its key with --field")
    name = value.get("id")
    return Item(text, name if isinstance(name, str | int) else None)
