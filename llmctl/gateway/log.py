"""One line on stderr for each request: JSON, or words on a terminal. Prompts only where the config says so."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence

from llmctl.core.redact import HIDDEN, is_secret_parameter
from llmctl.gateway.entry import Entry


class RequestLog:
    """Writes lines. `level` is none, requests or prompts."""

    def __init__(self, level: str) -> None:
        self.level = level
        self._terminal = sys.stderr.isatty()

    def write(self, entries: Sequence[Entry]) -> None:
        """Requests have ended: one write for all of them."""
        if self.level == "none" or not entries:
            return
        lines = "".join(f"{self._text(entry)}\n" for entry in entries)
        try:
            sys.stderr.write(lines)
            sys.stderr.flush()
        except (OSError, ValueError):
            self.level = "none"  # nobody reads it any more

    def _text(self, entry: Entry) -> str:
        if self._terminal and self.level != "prompts":
            return _words(entry)
        return json.dumps(self._line(entry), ensure_ascii=False)

    def _line(self, entry: Entry) -> dict[str, object]:
        answered = entry.answered
        line: dict[str, object] = {
            "time": round(entry.started, 3),
            "id": entry.id,
            "door": entry.door,
            "caller": entry.caller,
            "model": entry.model,
            "target": f"{answered.profile}/{answered.model}" if answered else None,
            "status": entry.status,
            "outcome": entry.outcome,
            "attempts": [[attempt.profile, attempt.status, attempt.why] for attempt in entry.attempts],
            "cache": entry.cache or None,
            "first_token_ms": _rounded(entry.first_token_ms),
            "total_ms": _rounded(entry.total_ms),
            "overhead_ms": _rounded(entry.overhead_ms, 3),
            "tokens": [answered.usage.prompt_tokens, answered.usage.completion_tokens]
            if answered and answered.usage
            else None,
            "cost": entry.cost,
        }
        if entry.request and self.level == "prompts":
            line["request"] = _shown(entry.request)
        return line


def _rounded(ms: float | None, digits: int = 1) -> float | None:
    return None if ms is None else round(ms, digits)


def _shown(body: bytes) -> object:
    """The client's JSON without what its names say is secret."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return {name: HIDDEN if is_secret_parameter(name) else value for name, value in found.items()}


def _words(entry: Entry) -> str:
    """17:07:43 200 chat fast -> groq/model 1.24 s, 12 + 345 tokens, $0.0012 (2 attempts)."""
    answered = entry.answered
    target = f"{answered.profile}/{answered.model}" if answered else entry.cached
    asked = entry.model if not target or entry.model == target else f"{entry.model} -> {target}"
    words = [time.strftime("%H:%M:%S", time.localtime(entry.started)), str(entry.status or "-"), entry.door, asked]
    rest = [_seconds(entry.total_ms or 0.0)]
    if entry.outcome != "ok":
        rest.append(entry.outcome)
    if entry.cache == "hit":
        rest.append("from the cache")
    if answered and answered.usage:
        rest.append(f"{answered.usage.prompt_tokens} + {answered.usage.completion_tokens} tokens")
    if entry.cost is not None:
        rest.append(f"${entry.cost:.6f}".rstrip("0").rstrip("."))
    if len(entry.attempts) > 1:
        rest.append(f"{len(entry.attempts)} attempts")
    line = f"{' '.join(word for word in words if word)}  {', '.join(rest)}"
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def _seconds(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.2f} s"
