"""Times as people write them: 2026-11-01, today, yesterday, 7d, 2026-11-01T14:00."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, tzinfo

from llmctl.errors import UsageError

UNITS = {"h": 3600, "d": 86_400, "w": 7 * 86_400, "m": 30 * 86_400, "y": 365 * 86_400}
"""Letter -> seconds. A month is 30 days, a year 365."""

_DURATION = re.compile(r"([0-9]{1,6})\s*([hdwmy])", re.IGNORECASE)
_EXAMPLES = "for example: 2026-11-01, yesterday, 7d, 12h, 2026-11-01T14:00"


def duration(text: str) -> float:
    """Seconds: "12h", "30d", "8w", "6m" (months of 30 days), "1y". Raises UsageError."""
    found = _DURATION.fullmatch(text.strip())
    if not found:
        raise UsageError(f"{text!r} is no length of time", hint="for example: 12h, 30d, 8w, 6m (months), 1y")
    return float(int(found[1]) * UNITS[found[2].lower()])


def moment(text: str, now: float, zone: tzinfo | None = None, end: bool = False) -> float:
    """The time that is meant, in seconds since 1970; `now` too. A day is its first moment, or with `end` its last.

    A length of time counts back from now. What names no zone is in `zone` (None: that of this machine).
    Raises UsageError.
    """
    words = text.strip().lower()
    if _DURATION.fullmatch(length := re.sub(r"\s+ago$", "", words)):
        return max(now - duration(length), 0.0)
    try:
        day = _day(words, now, zone)
        if day is not None:
            return midnight(day + timedelta(days=int(end)), zone)
        return _seconds(datetime.fromisoformat(text.strip()), zone)
    except (ValueError, OverflowError, OSError) as error:  # OSError: times that the platform can't tell
        raise UsageError(f"{text!r} is no time", hint=_EXAMPLES) from error


def midnight(day: date, zone: tzinfo | None = None) -> float:
    """When a day begins, in seconds since 1970."""
    return _seconds(datetime.combine(day, time()), zone)


def day_of(seconds: float, zone: tzinfo | None = None) -> date:
    """The day of a time in seconds since 1970."""
    return datetime.fromtimestamp(seconds, zone).date()


def _day(words: str, now: float, zone: tzinfo | None) -> date | None:
    if words in ("today", "yesterday"):
        return day_of(now, zone) - timedelta(days=int(words == "yesterday"))
    try:
        return date.fromisoformat(words)
    except ValueError:
        return None


def _seconds(local: datetime, zone: tzinfo | None) -> float:
    return max((local if local.tzinfo else local.replace(tzinfo=zone)).timestamp(), 0.0)
