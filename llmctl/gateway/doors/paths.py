"""Which door a path leads to."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from llmctl.errors import UsageError


@dataclass(frozen=True, slots=True)
class Door:
    """`kind` is chat, completions, embeddings, models, or the first word below /v1; `path` is what follows /v1."""

    kind: str
    path: str
    held: bool = False
    """Answers are read and understood before they are given."""


_DECODED_MOST = 3
"""Times that servers behind one another may decode a path."""

_HELD = {
    "/chat/completions": Door("chat", "/chat/completions", True),
    "/completions": Door("completions", "/completions", True),
    "/embeddings": Door("embeddings", "/embeddings", True),
    "/responses": Door("responses", "/responses", True),
    "/messages": Door("messages", "/messages", True),
    "/models": Door("models", "/models"),
}
EXACT: dict[str, Door] = {
    f"{start}{path}": door for path, door in _HELD.items() for start in ("/v1", "", "/v1/v1")
}
"""Paths as they are asked for most."""

_BARE = frozenset(
    [
        "assistants",
        "audio",
        "batches",
        "chat",
        "completions",
        "containers",
        "conversations",
        "embeddings",
        "evals",
        "files",
        "fine_tuning",
        "images",
        "models",
        "moderations",
        "rerank",
        "realtime",
        "responses",
        "score",
        "threads",
        "tokenize",
        "detokenize",
        "uploads",
        "vector_stores",
        "videos",
    ]
)
"""First words that lead to a provider without /v1 as well."""
KINDS = _BARE | {door.kind for door in _HELD.values()}
"""The kinds of doors that have a name of their own; clients may invent others."""


def door_of(raw_path: str) -> Door | None:
    """The door for a path as it came, still %-encoded; None for what the gateway itself answers.

    Raises UsageError for a path that climbs.
    """
    below, versioned = raw_path, False
    while below == "/v1" or below.startswith("/v1/"):
        below, versioned = below[3:] or "/", True
    if below.rstrip("/") in _HELD:
        return _HELD[below.rstrip("/")]
    if below == "/":
        return None
    words = _plain(below).replace("\\", "/").split("/")
    if not versioned and (len(words) < 2 or words[1] not in _BARE):
        return None
    if ".." in words or "." in words or "\\" in below:
        raise UsageError("the path must not climb", hint="leave .. and . out")
    return Door(words[1] or "v1", below)


def _plain(path: str) -> str:
    """The path as whoever takes it apart may read it: decoded, perhaps more than once."""
    for _ in range(_DECODED_MOST):
        path, before = unquote(path), path
        if path == before:
            break
    return path
