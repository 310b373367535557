"""Where pictures are written: names that say what they show, and no file overwritten unasked."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from llmctl.core.images import image_kind
from llmctl.errors import UsageError
from llmctl.platforms import native_path

_SLUG = 40
"""Characters of the prompt that a name holds at the most."""


@dataclass(frozen=True)
class Place:
    """Where to write: `folder`/`stem`-N.suffix, or the one `file` that the user named."""

    folder: Path
    stem: str
    suffix: str | None = None
    file: Path | None = None
    force: bool = False


def find_place(output: str | None, prompt: str, count: int, force: bool) -> Place:
    """The place for `count` pictures. Raises UsageError before anything has been paid for."""
    stem = native_path("-".join(filter(None, ["image", slug(prompt)])))
    given = Path(native_path(output)) if output else Path()
    if not output or given.is_dir() or output.endswith(("/", os.sep)):
        place = Place(given, stem, force=force)
    elif count == 1:
        place = Place(given.parent, given.stem, given.suffix or None, given, force)
        if given.suffix and given.exists() and not force:
            raise UsageError(f"{output} exists", hint="--force overwrites it")
    else:
        place = Place(given.parent, given.stem, given.suffix or None, None, force)
    try:
        place.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"can't make the folder {place.folder}: {error.strerror or error}") from error
    if not os.access(place.folder, os.W_OK):
        raise UsageError(f"can't write into {place.folder}", hint="name another place with -O")
    return place


def slug(prompt: str) -> str:
    """The prompt's first words, fit for a file's name."""
    words = re.sub(r"[\W_]+", "-", prompt.lower()).strip("-")
    if len(words) <= _SLUG:
        return words
    cut = words[: _SLUG + 1]
    return (cut.rpartition("-")[0] or cut[:_SLUG]).strip("-")


def save(data: bytes, place: Place, number: int) -> Path:
    """Write picture `number` (from 1) and return its path. Raises UsageError.

    Where a file is in the way, the next free number is taken: the picture has been paid for.
    """
    suffix = place.suffix or f".{image_kind(data) or 'bin'}"
    named = place.file and (place.file if place.file.suffix else place.file.with_name(place.file.name + suffix))
    try:
        if named and (place.force or not named.exists()):
            return _write(named, data, place.force)
        while True:
            try:
                return _write(place.folder / f"{place.stem}-{number}{suffix}", data, place.force)
            except FileExistsError:
                number += 1
    except OSError as error:
        raise UsageError(f"can't write {error.filename}: {error.strerror or error}") from error


def _write(path: Path, data: bytes, force: bool) -> Path:
    """Raises FileExistsError, unless forced."""
    with path.open("wb" if force else "xb") as file:
        file.write(data)
    return path
