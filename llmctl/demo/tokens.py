"""What the demo provider counts as a token: a word, or eight characters of a longer one."""

from __future__ import annotations

import re
import zlib
from typing import Any

_TOKEN = re.compile(r"\s*\S{1,8}|\s+")
_OTHERS = ("the", " a", " demo", "\n", " model", " of", ".", " and", " in", " to", " is", " it",
           " for", " on", " with", " as", " at", " by", " or", " an", ",")  # fmt: skip


def split(text: str) -> list[str]:
    """The tokens of a text; joined, they are the text again."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    """How many tokens a text has."""
    return len(split(text))


def logprob(token: str) -> float:
    """A believable log probability, always the same for the same token."""
    return -0.01 - zlib.crc32(token.encode("utf-8", "surrogatepass")) % 400 / 1000


def alternatives(token: str, most: int) -> list[tuple[str, float]]:
    """The likeliest `most` tokens in this place, best first; the token itself leads."""
    others = [word for word in _OTHERS if word != token]
    likelihoods = [(word, logprob(token) - 1.0 - rank * 0.25) for rank, word in enumerate(others)]
    return [(token, logprob(token)), *likelihoods][:most]


def chat_logprobs(pieces: list[str], top: int) -> dict[str, Any]:
    """The `logprobs` object of a chat choice."""
    return {
        "content": [
            {**_entry(piece, logprob(piece)), "top_logprobs": [_entry(*a) for a in alternatives(piece, top)]}
            for piece in pieces
        ],
        "refusal": None,
    }


def _entry(token: str, value: float) -> dict[str, Any]:
    return {"token": token, "logprob": value, "bytes": list(token.encode("utf-8", "surrogatepass"))}


def legacy_logprobs(pieces: list[str], top: int, start: int = 0) -> dict[str, Any]:
    """The `logprobs` object of a /completions choice; `start` is the offset of the first piece."""
    offsets = []
    for piece in pieces:
        offsets.append(start)
        start += len(piece)
    return {
        "tokens": pieces,
        "token_logprobs": [logprob(piece) for piece in pieces],
        "top_logprobs": [dict(alternatives(piece, top)) for piece in pieces],
        "text_offset": offsets,
    }
