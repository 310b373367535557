"""The nearest known name, for hints."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Up to `most` names like `word`, best first: close spellings, then names that contain it."""
    import difflib

    names = list(dict.fromkeys(known))
    lowered = {name.lower(): name for name in names}
    close = [lowered[m] for m in difflib.get_close_matches(word.lower(), lowered, n=most, cutoff=0.6)]
    if len(word) >= 3:
        close += [name for name in names if word.lower() in name.lower() and name not in close]
    return close[:most]


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint sentence, or None when nothing is near."""
    close = nearest(word, known)
    return f"did you mean {' or '.join(close)}?" if close else None
