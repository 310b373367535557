"""One line of JSON on stderr for each request; prompts only where the config asks for them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from llmctl.core.redact import HIDDEN, is_secret_parameter
from llmctl.gateway.entry import Entry


class RequestLog:
    """Writes lines. `level` is none, requests or prompts."""

    def __init__(self, level: str) -> None:
        self.level = level

    def write(self, entries: Sequence[Entry]) -> None:
        """Requests have ended: one write for all of them."""
        if self.level == "none" or not entries:
            return
        lines = "".join(f"{json.dumps(self._line(entry), ensure_ascii=False)}\n" for entry in entries)
        try:
            sys.stderr.write(lines)
            sys.stderr.flush()
        except (OSError, ValueError):
            self.level = "none"  # nobody reads it any more

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
