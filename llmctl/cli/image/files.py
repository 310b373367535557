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
    device: bool = False
    """`file` is there already and no plain file: a device, a named pipe. It is written into as it is."""


def find_place(output: str | None, prompt: str, count: int, force: bool) -> Place:
    """The place for `count` pictures. Raises UsageError before anything has been paid for."""
    stem = native_path("-".join(filter(None, ["image", slug(prompt)])))
    given = Path(native_path(output)) if output else Path()
    if output and _is_device(given):
        if count > 1:
            raise UsageError(f"{output} is no folder and no plain file: it takes one picture")
        return Place(given.parent, given.stem, None, given, force, device=True)
    if not output or os.path.isdir(given) or output.endswith(("/", os.sep)):
        place = Place(given, stem, force=force)
    elif count == 1:
        place = Place(given.parent, given.stem, given.suffix or None, given, force)
        if given.suffix and os.path.exists(given) and not force:
            raise UsageError(f"{output} exists", hint="--force overwrites it")
    else:
        place = Place(given.parent, given.stem, given.suffix or None, None, force)
    try:
        place.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"can't make the folder {place.folder}: {error.strerror or error}") from error
    if not os.access(place.folder, os.W_OK):
        raise UsageError(f"can't write into {place.folder}", hint="name another place with -O")
    _check_length(place, count)
    return place


def _is_device(path: Path) -> bool:
    """Whether it is there and neither a file nor a folder; an open file in /dev/fd is taken for that."""
    if not os.path.exists(path) or os.path.isdir(path):
        return False
    return not os.path.isfile(path) or path.parent == Path("/dev/fd")


def _check_length(place: Place, count: int) -> None:
    """Raise UsageError where the names would be too long for the disk, with the longest ending of a kind."""
    path = place.folder / f"{place.stem}-{count}{place.suffix or '.webp'}"
    try:
        os.lstat(path)
    except (FileNotFoundError, PermissionError):
        return
    except OSError as error:
        raise UsageError(
            f"can't write {path}: {error.strerror or error}", hint="name another file with -O"
        ) from error


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
    if place.device and place.file:
        return _into(place.file, data)
    suffix = place.suffix or f".{image_kind(data) or 'bin'}"
    named = place.file and (place.file if place.file.suffix else place.file.with_name(place.file.name + suffix))
    try:
        if named and (place.force or not os.path.exists(named)):
            return _write(named, data, place.force)
        while True:
            try:
                return _write(place.folder / f"{place.stem}-{number}{suffix}", data, place.force)
            except FileExistsError:
                number += 1
    except OSError as error:
        where = error.filename or named or place.folder
        raise UsageError(f"can't write {where}: {error.strerror or error}") from error


def _into(device: Path, data: bytes) -> Path:
    """Raises UsageError."""
    try:
        with device.open("wb") as file:
            file.write(data)
    except OSError as error:
        raise UsageError(f"can't write {device}: {error.strerror or error}") from error
    return device


def _write(path: Path, data: bytes, force: bool) -> Path:
    """Raises FileExistsError, unless forced."""
    with path.open("wb" if force else "xb") as file:
        file.write(data)
    return path
