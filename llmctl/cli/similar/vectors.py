"""Embedding files as `llmctl embed` writes them: JSON, JSON lines, CSV, .npy."""

from __future__ import annotations

import csv
import io
import json
import math
import struct
import sys
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from llmctl.errors import UsageError

NPY = b"\x93NUMPY"
_CODES = {"f2": "e", "f4": "f", "f8": "d"}


@dataclass(frozen=True)
class Row:
    """A vector, and what its file says of it. `line` is its number in the file, from 1."""

    vector: array[float]
    line: int
    text: str | None = None
    id: str | int | None = None


@dataclass(frozen=True)
class Vectors:
    """An embedding file. All vectors have the same length; only JSON has a place for `model`."""

    rows: list[Row]
    model: str | None = None

    @property
    def dimensions(self) -> int:
        return len(self.rows[0].vector)


def read_vectors(data: bytes, name: str) -> Vectors | None:
    """The vectors in a file, by its name's ending and its first bytes; None where it is plain text.

    Raises UsageError for an embedding file that is damaged.
    """
    reader = _reader(data, name)
    if not reader:
        return None
    vectors = reader(data, name)
    if not vectors.rows:
        raise UsageError(f"{name} holds no vectors")
    odd = next((row for row in vectors.rows if len(row.vector) != vectors.dimensions), None)
    if odd:
        raise UsageError(
            f"{name}: vector {odd.line} has {len(odd.vector)} numbers, the first has {vectors.dimensions}",
            hint="a file must be made by one model",
        )
    return vectors


def _reader(data: bytes, name: str) -> Callable[[bytes, str], Vectors] | None:
    ending = name.rpartition(".")[2].lower()
    first = data[:100_000].lstrip().partition(b"\n")[0]
    if data.startswith(NPY) or ending == "npy":
        return _npy
    if first.startswith(b"index,id,text,d0"):
        return _csv
    if ending == "json" or first.rstrip().endswith(b'"data": ['):  # how `llmctl embed --json` begins
        return _json
    if first.startswith(b"{") and b'"embedding"' in first:
        return _json_lines
    return None


def _json(data: bytes, name: str) -> Vectors:
    value = _parse(data, name)
    table = value if isinstance(value, Mapping) else {"data": value}
    entries, model = table.get("data"), table.get("model")
    if not isinstance(entries, list):
        raise UsageError(f"{name} holds no embeddings", hint="llmctl embed --json writes such a file")
    rows = [_row(entry, number, name) for number, entry in enumerate(entries, 1)]
    return Vectors(rows, model if isinstance(model, str) else None)


def _json_lines(data: bytes, name: str) -> Vectors:
    lines = ((number, line) for number, line in enumerate(data.splitlines(), 1) if line.strip())
    return Vectors([_row(_parse(line, f"{name}, line {number}"), number, name) for number, line in lines])


def _parse(data: bytes, where: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is not JSON: {error}") from error


def _row(entry: Any, number: int, name: str) -> Row:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("embedding"), list):
        raise UsageError(f"{name}: entry {number} has no embedding, which is a list of numbers")
    text, key = entry.get("text"), entry.get("id")
    vector = _vector(entry["embedding"], number, name)
    return Row(
        vector, number, text if isinstance(text, str) else None, key if isinstance(key, str | int) else None
    )


def _vector(numbers: Iterable[Any], number: int, name: str) -> array[float]:
    try:
        vector = array("f", numbers)
    except (TypeError, OverflowError):
        vector = array("f")
    if not vector or not all(map(math.isfinite, vector)):
        raise UsageError(f"{name}: vector {number} holds something else than finite numbers")
    return vector


def _csv(data: bytes, name: str) -> Vectors:
    try:
        table = list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))
    except (csv.Error, UnicodeDecodeError) as error:
        raise UsageError(f"{name} is no CSV file: {error}") from error
    rows = []
    for number, cells in enumerate(filter(None, table[1:]), 1):
        try:
            numbers = list(map(float, cells[3:]))
        except ValueError as error:
            raise UsageError(f"{name}: vector {number} holds something else than numbers") from error
        rows.append(
            Row(_vector(numbers, number, name), number, cells[2] if len(cells) > 2 else None, cells[1] or None)
        )
    return Vectors(rows)


def _npy(data: bytes, name: str) -> Vectors:
    """NumPy's format, versions 1 to 3: a matrix of floats, a row a vector."""
    kind, (count, width), body = _npy_header(data, name)
    code = _CODES[kind[1:]]
    size = struct.calcsize(f"={code}") * width
    if width == 0 or len(body) < size * count:
        raise UsageError(f"{name} is cut off: {count} rows of {width} numbers were announced")
    order = ">" if kind[0] == ">" or (kind[0] == "=" and sys.byteorder == "big") else "<"
    return Vectors(
        [
            Row(
                _vector(struct.unpack_from(f"{order}{width}{code}", body, size * number), number + 1, name),
                number + 1,
            )
            for number in range(count)
        ]
    )


def _npy_header(data: bytes, name: str) -> tuple[str, tuple[int, int], memoryview]:
    """(kind of number such as "<f4", shape, the numbers)."""
    import ast

    try:
        length = "<H" if data[6] == 1 else "<I"
        start = 8 + struct.calcsize(length)
        end = start + struct.unpack_from(length, data, 8)[0]
        header = ast.literal_eval(data[start:end].decode("latin-1").strip())
        kind, shape, fortran = header["descr"], header["shape"], header["fortran_order"]
    except (ValueError, SyntaxError, KeyError, TypeError, IndexError, struct.error) as error:
        raise UsageError(f"{name} is not a NumPy file") from error
    if not data.startswith(NPY) or not isinstance(kind, str) or kind[1:] not in _CODES:
        raise UsageError(f"{name} holds {kind}, not floats", hint="save it as float32")
    if not isinstance(shape, tuple) or len(shape) != 2 or fortran:
        raise UsageError(f"{name} is not a matrix with a row a text (shape {shape})")
    return kind, (int(shape[0]), int(shape[1])), memoryview(data)[end:]
