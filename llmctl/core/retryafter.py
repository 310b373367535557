"""When a provider wants to be asked again."""

from __future__ import annotations

from collections.abc import Mapping


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds from retry-after-ms or retry-after (a number or an HTTP date); None when not told.

    `now` is the time in seconds since 1970, for the dates; without it the reply's own `date` counts.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or not value:
        return seconds
    moment = _date(value)
    start = now if now is not None else _date(headers.get("date"))
    return max(0.0, moment - start) if moment is not None and start is not None else None


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None


def _date(text: str | None) -> float | None:
    if not text:
        return None
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
