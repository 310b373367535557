"""A file of conversations: which kind it is, and what it holds."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

from llmctl.cli.logs.readrecord import read_record
from llmctl.cli.logs.record import Record
from llmctl.cli.streams import Streams, decode_input
from llmctl.errors import UsageError
from llmctl.platforms import native_path

_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
_STDIN = "standard input"


def read_conversations(name: str, streams: Streams) -> list[Record]:
    """What a file ("-": standard input) holds, checked. Raises UsageError, which says where it is wrong."""
    if name == "-":
        return records_in(streams.read_input(), _STDIN)
    path = Path(os.path.expanduser(native_path(name)))
    from llmctl.cli.logs.llmdb import HEADER, read_llm

    try:
        with path.open("rb") as file:
            head = file.read(len(HEADER))
            if head == HEADER:
                return read_llm(path)
            text = decode_input(head + file.read(), name)
    except OSError as error:
        raise UsageError(f"can't read {name}: {error.strerror or error}") from error
    return records_in(text, name)


def records_in(text: str, name: str) -> list[Record]:
    """The conversations in a JSON or JSON lines text. Raises UsageError."""
    if not text.strip():
        raise UsageError(f"{name} is empty")
    whole = _whole(text, name)
    if whole is not None:
        return _records(whole[0], name)
    lines = [(at, line) for at, line in enumerate(text.split("\n"), 1) if line.strip()]
    return [read_record(_parsed(line, name, at), f"{name}, line {at}") for at, line in lines]


def _whole(text: str, name: str) -> tuple[Any] | None:
    """The text as one JSON value; None where its first line is one by itself: then each line is."""
    first, _, rest = text.strip().partition("\n")
    if rest.strip():
        try:
            _loads(first)
        except (ValueError, RecursionError):
            pass
        else:
            return None
    return (_parsed(text, name),)


def _records(value: Any, name: str) -> list[Record]:
    """A list is one of conversations, or of the messages of one."""
    if not isinstance(value, list):
        return [read_record(value, name)]
    if any(isinstance(item, dict) and "role" in item for item in value):
        return [read_record(value, name)]
    return [read_record(item, f"{name}, conversation {at}") for at, item in enumerate(value, 1)]


def _parsed(text: str, name: str, line: int | None = None) -> Any:
    """Raises UsageError; `line` is where the text stands in its file, None for all of it."""
    try:
        value = _loads(text)
        # Half a surrogate pair can be written in JSON, but is no text and can't be kept.
        return _mended(value) if _HALF_PAIR.search(text) else value
    except json.JSONDecodeError as error:
        where = f"line {line or error.lineno}, column {error.colno}"
        raise UsageError(f"{name} is not valid JSON: {where}: {error.msg}") from error
    except ValueError as error:
        where = f" in line {line}" if line else ""
        raise UsageError(f"{name} is not valid JSON{where}: {error}") from error
    except RecursionError as error:
        raise UsageError(f"{name} is nested too deeply") from error


def _mended(value: Any) -> Any:
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _loads(text: str) -> Any:
    return json.loads(text, parse_constant=_number, parse_float=_number)


def _number(text: str) -> float:
    """Raises ValueError for NaN, Infinity and 1e999, which are no JSON numbers."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is no number")
    return value
