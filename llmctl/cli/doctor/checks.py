"""What a check of `llmctl doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llmctl.errors import LlmctlError

OK, WARNING, FAILED = "ok", "warning", "failed"


@dataclass(frozen=True)
class Check:
    """One result. `profile` is None for what is about this machine; `code` is the exit code of a failure."""

    name: str
    level: str
    message: str
    hint: str | None = None
    profile: str | None = None
    code: int = 0
    ms: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The stable object of --json."""
        return {
            "profile": self.profile,
            "check": self.name,
            "level": self.level,
            "message": self.message,
            "hint": self.hint,
            "ms": self.ms,
        }


def failed(name: str, error: LlmctlError, profile: str | None) -> Check:
    """The check that an error ended."""
    return Check(name, FAILED, error.message, error.hint, profile, error.exit_code)
