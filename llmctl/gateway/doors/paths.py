"""Which door a path leads to."""

from __future__ import annotations

from dataclasses import dataclass

from llmctl.errors import UsageError


@dataclass(frozen=True, slots=True)
class Door:
    """`kind` is chat, completions, embeddings, models, or the first word below /v1; `path` is what follows /v1."""

    kind: str
    path: str
    held: bool = False
    """Answers are read and understood before they are given."""


_HELD = {
    "/chat/completions": Door("chat", "/chat/completions", True),
    "/completions": Door("completions", "/completions", True),
    "/embeddings": Door("embeddings", "/embeddings", True),
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
    words = below.replace("%2e", ".").replace("%2E", ".").split("/")
    if not versioned and (len(words) < 2 or words[1] not in _BARE):
        return None
    if ".." in words or "." in words or "\\" in below:
        raise UsageError("the path must not climb", hint="leave .. and . out")
    return Door(words[1] or "v1", below)
