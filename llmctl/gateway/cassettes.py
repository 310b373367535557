"""Cassettes: requests and their answers, recorded into a folder and played from it without any provider.

Both belong to one process: what is recorded and played first is a matter of order.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from llmctl.config.files import write_private
from llmctl.errors import ConfigError, NotFound
from llmctl.gateway.cassette_file import Asked, Recorded, asked, from_file, slug, to_file

__all__ = ["Player", "Recorded", "Recorder"]

_Place = tuple[str | int, ...]
_TAKE = re.compile(r"(.*?)(?:-(\d+))?\.json\Z", re.DOTALL)


class Recorder:
    """Writes each request into a file of its own. Known secrets are withheld from all of it.

    The first take of a request replaces those that were recorded of it before. May be used by several threads.
    """

    def __init__(self, folder: Path, secrets: Collection[str] = ()) -> None:
        """Make the folder, where it is missing. Raises ConfigError."""
        self._folder, self._secrets = folder, secrets
        self._takes: dict[str, int] = {}
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigError(f"can't record into {folder}: {error.strerror or error}") from error

    def record(self, recorded: Recorded) -> Path:
        """Write the file; its path. It waits for the disk. Raises ConfigError."""
        request = asked(recorded.method, recorded.path, recorded.body, self._secrets)
        data = to_file(request, recorded, self._secrets)
        words = [_door(request.path), slug(request), request.key[:8]]
        name = "-".join(word for word in words if word)
        with self._lock:
            number = self._takes[name] = self._takes.get(name, 0) + 1
            if number == 1:
                self._remove_takes(name)
        path = self._folder / f"{name}-{number}.json"
        write_private(path, data)
        return path

    def _remove_takes(self, name: str) -> None:
        for path in self._folder.glob(f"{name}-*.json"):
            if re.fullmatch(rf"{re.escape(name)}-\d+\.json", path.name):
                path.unlink(missing_ok=True)


class Player:
    """Answers requests from a folder. Takes of one request are played in order, the last again and again.

    `secrets` are hidden in requests as they were when they were recorded.
    """

    def __init__(self, folder: Path, secrets: Collection[str] = ()) -> None:
        """Read all files. Raises ConfigError that names the file and what is wrong with it."""
        self._folder, self._secrets = folder, secrets
        self._known: list[tuple[str, Asked]] = []
        self._takes: dict[str, list[Recorded]] = {}
        self._played: dict[str, int] = {}
        for path in _files(folder):
            try:
                request, recorded = from_file(path.read_bytes())
                key = request.key
            except (ValueError, OSError) as error:
                raise ConfigError(
                    f"{path} is no recording: {getattr(error, 'strerror', None) or error}"
                ) from error
            self._known.append((path.name, request))
            self._takes.setdefault(key, []).append(recorded)

    def __len__(self) -> int:
        """How many recordings there are."""
        return len(self._known)

    def find(self, method: str, path: str, body: bytes) -> Recorded | None:
        """The next take of this request. In JSON, neither white space nor the order of fields matters."""
        key = asked(method, path, body, self._secrets).key
        takes = self._takes.get(key)
        if not takes:
            return None
        number = self._played.get(key, 0)
        self._played[key] = number + 1
        return takes[min(number, len(takes) - 1)]

    def nearest(self, method: str, path: str, body: bytes) -> tuple[str, str] | None:
        """The file that is most like this request, and the first field in which it differs."""
        wanted = asked(method, path, body, self._secrets)
        return _nearest(wanted, self._known)

    def unmatched(self, method: str, path: str, body: bytes) -> NotFound:
        """The error for a request of which there is no recording."""
        wanted = asked(method, path, body, self._secrets)
        near = _nearest(wanted, self._known)
        message = f"no recording of {wanted.method} {wanted.path} in {self._folder}"
        if near:
            message += f"; the nearest is {near[0]}, which differs in {near[1]}"
        return NotFound(message, hint="record it: llmctl serve --record DIR")


def _files(folder: Path) -> list[Path]:
    """The recordings, those of one request in the order in which they were made. Raises ConfigError."""
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder} to replay", hint="llmctl serve --record DIR makes one")

    def order(path: Path) -> tuple[str, int]:
        take = _TAKE.match(path.name)
        assert take
        return take[1], int(take[2] or 0)

    return sorted((path for path in folder.glob("*.json") if not path.name.startswith(".")), key=order)


def _door(path: str) -> str:
    """The file name's first word: chat, completions, embeddings, …"""
    words = re.findall(r"[a-z0-9]+", path.partition("?")[0].lower())
    return next((word for word in words if word != "v1"), "root")[:20]


def _nearest(wanted: Asked, known: list[tuple[str, Asked]]) -> tuple[str, str] | None:
    """The name of the request that differs in the fewest places, and the first of these."""
    ranked = []
    for name, request in known:
        if differences := list(_differences(wanted, request)):
            place, one, other = differences[0]
            elsewhere = wanted.method != request.method or wanted.path != request.path
            ranked.append(((elsewhere, len(differences), -_likeness(one, other), name), place))
    if not ranked:
        return None
    rank, place = min(ranked)
    return rank[-1], place


def _likeness(one: str, other: str) -> float:
    from difflib import SequenceMatcher

    return SequenceMatcher(None, one[:200], other[:200]).ratio()


def _differences(one: Asked, other: Asked) -> Iterator[tuple[str, str, str]]:
    """Each place where two requests differ, and the JSON that stands there; "" for nothing."""
    if one.method != other.method:
        yield "the method", one.method, other.method
    if one.path != other.path:
        yield "the path", one.path, other.path
    ours, theirs = (dict(_leaves(request)) for request in (one, other))
    for place in {**ours, **theirs}:
        if ours.get(place) != theirs.get(place):
            yield _shown(place), ours.get(place, ""), theirs.get(place, "")


def _leaves(request: Asked) -> Iterator[tuple[_Place, str]]:
    """The place and JSON of each value in a body that has no values inside."""
    body = request.body or {}
    if "json" in body:
        yield from _walk(body["json"], ())
    else:
        yield (), str(body.get("sha256"))


def _walk(value: Any, place: _Place) -> Iterator[tuple[_Place, str]]:
    if not value or not isinstance(value, dict | list):
        yield place, json.dumps(value)
        return
    for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _walk(inner, (*place, step))


def _shown(place: _Place) -> str:
    """messages[1].content"""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return text.removeprefix(".") or "the body"
