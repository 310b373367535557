"""When a provider wants to be asked again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.core.retryafter import retry_after

NOON = "Wed, 21 Oct 2026 12:00:00 GMT"
LATER = "Wed, 21 Oct 2026 12:00:30 GMT"
NOON_SECONDS = 1792584000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({}, None, id="not told"),
        pytest.param({"retry-after": "7"}, 7.0, id="seconds"),
        pytest.param({"retry-after": "1.5"}, 1.5, id="a part of a second"),
        pytest.param({"retry-after": " 7 "}, 7.0, id="white space"),
        pytest.param({"retry-after": "0"}, 0.0, id="now"),
        pytest.param({"retry-after-ms": "250"}, 0.25, id="milliseconds"),
        pytest.param({"retry-after-ms": "1500.5"}, 1.5005, id="a part of a millisecond"),
        pytest.param({"retry-after-ms": "250", "retry-after": "7"}, 0.25, id="milliseconds first"),
        pytest.param({"retry-after-ms": "soon", "retry-after": "7"}, 7.0, id="unreadable milliseconds"),
        pytest.param({"retry-after": LATER}, 30.0, id="date"),
        pytest.param({"retry-after": "Wednesday, 21-Oct-26 12:00:30 GMT"}, 30.0, id="date of old"),
        pytest.param({"retry-after": "Wed, 21 Oct 2026 14:00:30 +0200"}, 30.0, id="date in another zone"),
        pytest.param({"retry-after": "Wed, 21 Oct 2026 11:59:00 GMT"}, 0.0, id="date in the past"),
        *[
            pytest.param({"retry-after": text}, None, id=repr(text))
            for text in ("", "soon", "-1", "nan", "inf", "1e400", "1e10", "Wed, 99 Foo 2026 99:99:99 GMT", "\x00")
        ],
    ],
)
def test_retry_after(headers, seconds):
    assert retry_after(headers, now=NOON_SECONDS) == seconds


def test_dates_count_from_the_reply_itself():
    assert retry_after({"retry-after": LATER, "date": NOON}) == 30.0


def test_a_date_without_a_start_says_nothing():
    assert retry_after({"retry-after": LATER}) is None
    assert retry_after({"retry-after": LATER, "date": "yesterday"}) is None


odd = st.text() | st.text(alphabet="0123456789-+:., GMTWedOct", max_size=40) | st.floats().map(str)


@given(odd, odd, odd)
def test_any_headers(seconds, milliseconds, date):
    told = retry_after({"retry-after": seconds, "retry-after-ms": milliseconds, "date": date})
    assert told is None or 0 <= told < 1e12
