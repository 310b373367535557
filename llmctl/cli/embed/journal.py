"""What an interrupted run has already paid for.

Each vector is appended to a file as it comes, under a hash of its text. A run of the same texts on
the same model finds them there; the file is removed when a run is complete.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path

from llmctl.config.paths import cache_folder


def fingerprint(*parts: str) -> str:
    """A short hash of strings, boundaries included."""
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "replace")).hexdigest()[:24]


class Journal:
    """The file for one run; `known` holds text hash -> vector."""

    def __init__(self, path: Path, use: bool) -> None:
        self.path = path
        self.known: dict[str, array[float]] = self._read() if use else {}
        self._handle: int | None = None

    @classmethod
    def open(cls, env: Mapping[str, str], identity: tuple[str, ...], use: bool) -> Journal:
        """The journal of runs with this identity: address, model, parameters, texts."""
        return cls(cache_folder(env) / "embed" / f"{fingerprint(*identity)}.jsonl", use)

    def add(self, entries: Iterable[tuple[str, array[float]]]) -> None:
        """Write vectors down. A folder that can't be written costs only the resuming."""
        lines = [
            json.dumps({"h": key, "v": base64.b64encode(vector.tobytes()).decode()}) + "\n"
            for key, vector in entries
        ]
        with contextlib.suppress(OSError):
            if self._handle is None:
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.write(self._handle, "".join(lines).encode())

    def close(self, complete: bool) -> None:
        """The run is over; after a complete one there is nothing to resume."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        if complete:
            with contextlib.suppress(OSError):
                self.path.unlink()

    def _read(self) -> dict[str, array[float]]:
        known: dict[str, array[float]] = {}
        try:
            lines = self.path.read_bytes().splitlines()
        except OSError:
            return known
        for line in lines:
            with contextlib.suppress(ValueError, KeyError, TypeError):  # a torn last line
                entry = json.loads(line)
                vector = array("f")
                vector.frombytes(base64.b64decode(entry["v"], validate=True))
                known[entry["h"]] = vector
        return known
