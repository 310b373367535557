"""Paths to choose from, and paths in what a terminal pastes when a file is dropped on it."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event
from urllib.parse import unquote, urlsplit

from llmctl.attach.folder import files_in
from llmctl.attach.read import read_attachments
from llmctl.core.media import Attachment
from llmctl.errors import LlmctlError, UsageError
from llmctl.platforms import native_path, shown_path

MOST_SCANNED = 5000
MOST_DROPPED = 8000
"""Characters of a paste that may be a list of files."""

_ELSEWHERE = re.compile(r"(~|/|\.\.?/|[A-Za-z]:[\\/])")
_ABSOLUTE = re.compile(r"(~/|/|[A-Za-z]:[\\/]|\\\\)")


def place_of(typed: str) -> str:
    """Where to look for what begins so: a folder that was named with / at its end, or "" for all files below."""
    return typed[: typed.rfind("/") + 1] or "~/" if _ELSEWHERE.match(typed) else ""


def paths_in(folder: Path, place: str, stop: Event) -> list[str]:
    """What can be chosen there; folders end in /. Stops when told to, as a tree can be large."""
    if place:
        return _entries(folder / os.path.expanduser(place), place, stop)
    found: dict[str, None] = {}
    with suppress(LlmctlError, OSError):  # a folder that can't be read ends the search; what was found is good
        for path in files_in(folder):
            name = shown_path(path.relative_to(folder).as_posix())
            found.update(dict.fromkeys([*_folders_of(name), name]))
            if stop.is_set() or len(found) >= MOST_SCANNED:
                break
    return sorted(found, key=lambda name: (name.rstrip("/").count("/"), name))


def _folders_of(name: str) -> Iterator[str]:
    at = name.find("/")
    while at >= 0:
        yield name[: at + 1]
        at = name.find("/", at + 1)


def _entries(folder: Path, place: str, stop: Event) -> list[str]:
    found: list[str] = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if stop.is_set() or len(found) >= MOST_SCANNED:
                break
            found.append(place + shown_path(entry.name) + ("/" if entry.is_dir() else ""))
    return sorted(found, key=lambda name: (name.startswith(f"{place}."), name))


def dropped(text: str) -> list[str]:
    """The files that a paste names, if it consists of nothing else. Whole paths only: a word may be a file too."""
    text = text.strip()
    if not text or len(text) > MOST_DROPPED:
        return []
    for names in ([text], text.splitlines(), _shell_words(text)):
        paths = [_local(name.strip()) for name in names if name.strip()]
        if paths and all(path and os.path.isfile(native_path(path)) for path in paths):
            return paths
    return []


def _shell_words(text: str) -> list[str]:
    try:
        words = shlex.split(text, posix=os.name != "nt")
    except ValueError:
        return []
    return [word.strip("\"'") for word in words] if os.name == "nt" else words


def _local(name: str) -> str:
    """The path on this machine, of a name or file:// URL; "" for what is neither."""
    if name.startswith("file://"):
        with suppress(ValueError):
            name = unquote(urlsplit(name).path)
            name = name[1:] if re.match(r"/[A-Za-z]:/", name) else name
    return os.path.expanduser(name) if _ABSOLUTE.match(name) else ""


def read_file(path: str, folder: Path) -> Attachment:
    """The file, named from the working folder if it is below that. Raises UsageError."""
    try:
        whole = os.path.abspath(folder / os.path.expanduser(path))
    except OSError as error:  # the folder we are in was deleted
        raise UsageError(f"can't read {path}: {error.strerror or error}") from error
    if not os.path.isfile(native_path(whole)):
        raise UsageError(f"{path} is no file")
    [item] = read_attachments([whole], _no_fetch, lambda note: None)
    with suppress(ValueError):
        name = Path(whole).relative_to(os.path.abspath(folder)).as_posix()
        return dataclasses.replace(item, name=name)
    return item


def _no_fetch(url: str, most: int) -> bytes:
    raise UsageError(f"{url} is no file")
