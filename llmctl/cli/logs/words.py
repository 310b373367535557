"""How the history's facts are written: times, money, sizes, and text that fits."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from llmctl.cli.streams import Streams, harmless
from llmctl.cli.table import cell_width

if TYPE_CHECKING:
    from llmctl.store.ledger import Request
    from llmctl.store.messages import Message

ROLES = {"user": "You", "assistant": "Model", "tool": "Tool", "system": "System"}
STATES = {"partial": "partial", "stopped": "stopped", "broken": "broken off"}


def iso(seconds: float) -> str:
    """ISO 8601 in UTC."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):  # a clock that was wrong
        return ""


def local(seconds: float) -> str:
    """Date and time where this machine is."""
    return _written(seconds, "%Y-%m-%d %H:%M")


def short_date(seconds: float, now: float) -> str:
    """As short as it is clear: 14:03 today, Fri 14:03 this week, 20 Nov this year, else 2025-11-20."""
    then, today = _day(seconds), _day(now)
    if not then or not today:
        return local(seconds)
    days = (today - then).days
    if 0 <= days < 7:
        return _written(seconds, "%a %H:%M" if days else "%H:%M")
    return _written(seconds, "%d %b" if then.year == today.year else "%Y-%m-%d")


def money(cost: float | None) -> str:
    """US dollars; what is unknown is called so."""
    from llmctl.core.money import dollars

    return "unknown" if cost is None else dollars(cost)


def spent(requests: Sequence[Request]) -> tuple[float | None, int]:
    """(US dollars, as far as they are known; how many requests may have cost something, and nobody knows what)."""
    known = [request.cost for request in requests if request.cost is not None]
    unknown = sum(request.cost is None and request.may_cost for request in requests)
    return (sum(known) if known else None), unknown


def size(count: int) -> str:
    """A file's size, in bytes, as people say it."""
    for unit, scale in (("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} bytes"


def target(profile: str, model: str) -> str:
    """Who answered: PROFILE/MODEL, or the one of them that is known."""
    return "/".join(filter(None, (profile, model)))


def facts(message: Message, request: Request | None) -> list[str]:
    """What is known about an answer: when, tokens, cost, speed, and whether it came to its end."""
    parts = [local(message.created)]
    if request:
        parts += [
            *_tokens(request),
            f"cost {money(request.cost)}" if request.cost is None else money(request.cost),
        ]
        if request.first_token_ms is not None:
            parts.append(f"first token {request.first_token_ms / 1000:.2f} s")
        if request.tokens_per_second:
            parts.append(f"{request.tokens_per_second:g} tokens/s")
    elif message.role == "assistant":
        parts.append("tokens and cost unknown")
    return [*parts, STATES[message.state]] if message.state in STATES else parts


def _tokens(request: Request) -> list[str]:
    if request.prompt_tokens is None and request.completion_tokens is None:
        return ["tokens unknown"]
    counts = (("in", request.prompt_tokens), ("out", request.completion_tokens))
    more = {"in": (request.cached_tokens, "cached"), "out": (request.reasoning_tokens, "reasoning")}
    return [
        f"{'?' if count is None else f'{count:,}'} {way}"
        + (f" ({more[way][0]:,} {more[way][1]})" if more[way][0] else "")
        for way, count in counts
    ]


def one_line(text: str) -> str:
    """Text in a line of a list."""
    return " ".join(text.split())


def cut(text: str, width: int) -> str:
    """Text in at most so many columns."""
    if cell_width(text) <= width:
        return text
    kept, used = "", 1
    for letter in text:
        used += cell_width(letter)
        if used > width:
            break
        kept += letter
    return f"{kept.rstrip()}…" if width > 0 else ""


def wrapped(text: str, width: int) -> list[str]:
    """Text in lines of at most so many columns, its own line ends kept."""
    lines: list[str] = []
    for line in text.splitlines() or [""]:
        lines += _wrapped_line(line.rstrip(), width)
    return lines


def _wrapped_line(line: str, width: int) -> list[str]:
    lines, used = [""], 0
    for piece in _pieces(line, width):
        taken = _cells(piece)
        if used and used + taken > width:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
            used = 0
            if piece.isspace():
                continue
        lines[-1] += piece
        used += taken
    return lines


def _pieces(line: str, width: int) -> Iterator[str]:
    """Between these a line may end: words, spaces, wide characters; what is longer than a line is cut."""
    piece, taken = "", 0
    for letter in line:
        cells = _cells(letter)
        apart = piece and (taken + cells > width or not _one_piece(piece[-1], letter))
        if apart and not unicodedata.combining(letter):
            yield piece
            piece, taken = "", 0
        piece += letter
        taken += cells
    if piece:
        yield piece


def _one_piece(before: str, after: str) -> bool:
    return before.isspace() == after.isspace() and _cells(before) < 2 and _cells(after) < 2


def _cells(text: str) -> int:
    """Columns that text takes; control characters, which are never printed, take none."""
    return sum(cell_width(letter) for letter in text if unicodedata.category(letter) != "Cc")


def out_text(streams: Streams, text: str) -> None:
    """Print stored text: as it is into a pipe, without control characters on a terminal."""
    streams.out(harmless(text) if streams.terminal else text)


def out_json(streams: Streams, value: Any) -> None:
    """Print a JSON value with stored text in it."""
    out_text(streams, json.dumps(value, ensure_ascii=False, indent=2))


def _day(seconds: float) -> Any:
    try:
        return datetime.fromtimestamp(seconds).date()
    except (ValueError, OverflowError, OSError):
        return None


def _written(seconds: float, form: str) -> str:
    try:
        return datetime.fromtimestamp(seconds).strftime(form)
    except (ValueError, OverflowError, OSError):
        return "?"
