"""Times as people write them."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.core.when import UNITS, day_of, duration, midnight, moment
from llmctl.errors import UsageError

NOW = datetime(2026, 11, 21, 14, 30, tzinfo=UTC).timestamp()
BERLIN = ZoneInfo("Europe/Berlin")  # 14:30 UTC is 15:30 there
SECONDS = st.integers(1, 4_000_000_000)


def utc(*parts):
    return datetime(*parts, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-11-01", utc(2026, 11, 1), utc(2026, 11, 2)),
        ("20261101", utc(2026, 11, 1), utc(2026, 11, 2)),
        ("today", utc(2026, 11, 21), utc(2026, 11, 22)),
        (" Yesterday ", utc(2026, 11, 20), utc(2026, 11, 21)),
        ("2026-11-01T14:05", utc(2026, 11, 1, 14, 5), utc(2026, 11, 1, 14, 5)),
        ("2026-11-01 14:05:06", utc(2026, 11, 1, 14, 5, 6), utc(2026, 11, 1, 14, 5, 6)),
        ("2026-11-01T14:05Z", utc(2026, 11, 1, 14, 5), utc(2026, 11, 1, 14, 5)),
        ("2026-11-01T14:05+02:00", utc(2026, 11, 1, 12, 5), utc(2026, 11, 1, 12, 5)),
        ("7d", NOW - 7 * 86400, NOW - 7 * 86400),
        ("12h ago", NOW - 12 * 3600, NOW - 12 * 3600),
        ("4W", NOW - 28 * 86400, NOW - 28 * 86400),
        ("0d", NOW, NOW),
        ("999999y", 0.0, 0.0),
        ("1800-01-01", 0.0, 0.0),
    ],
)
def test_moments(text, first, last):
    assert moment(text, NOW, UTC) == first
    assert moment(text, NOW, UTC, end=True) == last


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("today", utc(2026, 11, 20, 23)),
        ("2026-07-01", utc(2026, 6, 30, 22)),  # summer time
        ("2026-11-01T14:00", utc(2026, 11, 1, 13)),
        ("2026-11-01T14:00Z", utc(2026, 11, 1, 14)),
    ],
)
def test_the_zone_counts_where_none_is_named(text, first):
    assert moment(text, NOW, BERLIN) == first


def test_a_day_when_the_clocks_change_has_25_hours():
    assert moment("2026-10-25", NOW, BERLIN, end=True) - moment("2026-10-25", NOW, BERLIN) == 25 * 3600


@pytest.mark.parametrize(
    "text", ["", "soon", "7", "7x", "-7d", "1.5d", "2026-13-01", "2026-02-30", "9999-12-31", "٧d", "7d7d", "25:00"]
)
def test_what_is_no_time(text):
    with pytest.raises(UsageError, match="is no time") as caught:
        moment(text, NOW, UTC, end=True)
    assert "for example" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("12h", 43200), ("30d", 2592000), (" 8W ", 4838400), ("6m", 15552000), ("1y", 31536000), ("0d", 0)],
)
def test_durations(text, seconds):
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "30", "-1d", "1 day", "1s", "9999999d", "yesterday"])
def test_what_is_no_duration(text):
    with pytest.raises(UsageError, match="is no length of time"):
        duration(text)


@given(st.dates(date(1971, 1, 1), date(2200, 1, 1)), st.integers(-14, 14))
def test_a_date_is_its_midnight_in_every_zone(day, hours):
    zone = timezone(timedelta(hours=hours))
    start = moment(day.isoformat(), NOW, zone)
    assert start == midnight(day, zone)
    assert day_of(start, zone) == day
    assert day_of(start - 1, zone) == day - timedelta(days=1)
    assert moment(day.isoformat(), NOW, zone, end=True) == start + 86400


@given(SECONDS)
def test_a_time_with_its_zone_is_what_it_says(seconds):
    written = datetime.fromtimestamp(seconds, UTC).isoformat()
    assert moment(written, NOW, BERLIN) == seconds


@given(SECONDS, st.integers(0, 99), st.sampled_from(sorted(UNITS)))
def test_lengths_count_back_from_now(now, count, unit):
    assert moment(f"{count}{unit}", now) == max(now - count * UNITS[unit], 0)


@given(st.text(max_size=12))
def test_any_text_is_a_time_or_a_clear_error(text):
    with contextlib.suppress(UsageError):
        assert moment(text, NOW) >= 0
