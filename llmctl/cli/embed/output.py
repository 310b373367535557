"""Vectors as JSON, JSON lines, CSV or .npy."""

from __future__ import annotations

import csv
import io
import json
import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from llmctl.cli.embed.inputs import Item
from llmctl.errors import NotUnderstood

FORMATS = ("json", "jsonl", "csv", "npy")


@dataclass(frozen=True)
class Result:
    """Everything that a format may want to write. `summary` is the head of the JSON object."""

    items: list[Item]
    vectors: list[array[float]]
    summary: dict[str, Any]


def encode(result: Result, kind: str) -> Iterator[bytes]:
    """The output in portions."""
    return {"json": _json, "jsonl": _jsonl, "csv": _csv, "npy": _npy}[kind](result)


def _number(value: float) -> str:
    """Nine digits say all that a float32 knows."""
    return f"{value:.9g}"


def _row(number: int, item: Item, vector: array[float]) -> str:
    head = {"index": number, **({"id": item.id} if item.id is not None else {}), "text": item.text}
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "embedding": [{", ".join(map(_number, vector))}]}}'


def _json(result: Result) -> Iterator[bytes]:
    yield (json.dumps(result.summary, ensure_ascii=False)[:-1] + ', "data": [\n').encode()
    for number, (item, vector) in enumerate(zip(result.items, result.vectors, strict=True)):
        yield ((",\n" if number else "") + _row(number, item, vector)).encode("utf-8", "replace")
    yield b"\n]}\n"


def _jsonl(result: Result) -> Iterator[bytes]:
    for number, (item, vector) in enumerate(zip(result.items, result.vectors, strict=True)):
        yield (_row(number, item, vector) + "\n").encode("utf-8", "replace")


def _csv(result: Result) -> Iterator[bytes]:
    width = len(result.vectors[0]) if result.vectors else 0
    yield _csv_line(["index", "id", "text", *(f"d{n}" for n in range(width))])
    for number, (item, vector) in enumerate(zip(result.items, result.vectors, strict=True)):
        yield _csv_line([number, "" if item.id is None else item.id, item.text, *map(_number, vector)])


def _csv_line(cells: list[Any]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode("utf-8", "replace")


def _npy(result: Result) -> Iterator[bytes]:
    """NumPy's format 1.0: a little-endian float32 matrix, a row a text."""
    widths = {len(vector) for vector in result.vectors}
    if len(widths) != 1:
        raise NotUnderstood(
            f"the vectors have different lengths ({', '.join(map(str, sorted(widths)))}): no matrix"
        )
    shape = f"({len(result.vectors)}, {widths.pop()})"
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    fill = -(10 + len(header) + 1) % 64
    yield b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + fill + 1) + header.encode() + b" " * fill + b"\n"
    for vector in result.vectors:
        if sys.byteorder == "big":
            vector = array("f", vector)
            vector.byteswap()
        yield vector.tobytes()
