"""What a time range means."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_query.decisions.time_ranges import BEGINNING, time_range
from analytics_query.errors import InvalidTimeRange

NOW = datetime(2026, 11, 18, 14, 37, 20, tzinfo=UTC)  # a Wednesday


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "since", "until"),
    [
        ("last_15_minutes", "2026-11-18T14:22", "2026-11-18T14:38"),
        ("last_hour", "2026-11-18T13:37", "2026-11-18T14:38"),
        ("last_24_hours", "2026-11-17T14:37", "2026-11-18T14:38"),
        ("last_90_days", "2026-08-20T14:37", "2026-11-18T14:38"),
        ("today", "2026-11-18T00:00", "2026-11-18T14:39"),
        ("yesterday", "2026-11-17T00:00", "2026-11-18T00:00"),
        ("this_week", "2026-11-16T00:00", "2026-11-18T14:39"),
        ("this_month", "2026-11-01T00:00", "2026-11-18T14:39"),
        ("all", "2000-01-01T00:00", "2026-11-18T14:39"),
        ("90m", "2026-11-18T13:07", "2026-11-18T14:38"),
        ("2w", "2026-11-04T14:37", "2026-11-18T14:38"),
        ("PT6H", "2026-11-18T08:37", "2026-11-18T14:38"),
        ("P1M", "2026-10-18T14:37", "2026-11-18T14:38"),
        ("P1Y2M3DT4H5M6.5S", "2025-09-15T10:32", "2026-11-18T14:38"),
        ("2026-11-01/2026-11-08", "2026-11-01T00:00", "2026-11-08T00:00"),
        ("2026-11-01/P7D", "2026-11-01T00:00", "2026-11-08T00:00"),
        ("PT30M/2026-11-01T12:00:00Z", "2026-11-01T11:30", "2026-11-01T12:00"),
        ("2026-11-01T01:00:30+02:00/2026-11-01T03:00:30+02:00", "2026-10-31T23:00", "2026-11-01T01:01"),
        ("2026-01-31/P1M", "2026-01-31T00:00", "2026-02-28T00:00"),
    ],
)
def test_every_form_is_whole_minutes_in_utc(asked: str, since: str, until: str) -> None:
    meant = time_range(asked, NOW)
    assert (meant.since, meant.until, meant.name) == (at(since), at(until), asked)


@pytest.mark.parametrize(
    "asked",
    ["", "last_fortnight", "7x", "0m", "-5m", "P", "PT", "P1", "2026-11-08/2026-11-01", "a/b", "2026-13-01/P1D",
     "2026-11-01/", "/P1D", "P1D/P1D", "2026-11-01/2026-11-02/P1D", "999999999w", "9999-12-31/P1Y", "P9999Y"],
)  # fmt: skip
def test_what_says_nothing_is_refused_with_what_may_be_said(asked: str) -> None:
    with pytest.raises(InvalidTimeRange) as raised:
        time_range(asked, NOW)
    [error] = raised.value.errors
    assert (raised.value.code, error.field) == ("invalid_time_range", "time_range")
    assert {"last_hour", "all"} <= set(error.allowed)


def test_the_baseline_is_the_time_before_of_the_same_length() -> None:
    meant = time_range("last_7_days", NOW)
    assert (meant.before.until, meant.before.length) == (meant.since, meant.length)
    assert time_range("all", NOW).before.length == timedelta()


def test_all_of_time_counts_the_hours_since_the_first_event() -> None:
    everything = time_range("all", NOW)
    assert everything.not_before(NOW - timedelta(hours=3)).hours(NOW) == 3
    assert everything.not_before(everything.until).length == timedelta(minutes=1)


def test_only_hours_that_have_passed_count() -> None:
    meant = time_range("2026-11-18/P1D", NOW)
    assert meant.hours(NOW) == pytest.approx(14.6222, abs=1e-3)
    assert time_range("2027-01-01/P1D", NOW).hours(NOW) == 0


@given(
    st.datetimes(datetime(2001, 1, 1), datetime(2090, 1, 1)),
    st.integers(1, 10**8),
)
def test_an_interval_is_never_cut_short(start: datetime, seconds: int) -> None:
    since = start.replace(tzinfo=UTC)
    until = since + timedelta(seconds=seconds)
    meant = time_range(f"{since.isoformat()}/{until.isoformat()}", NOW)
    assert meant.since <= since
    assert meant.until >= until
    assert meant.length - (until - since) < timedelta(minutes=2)
    assert meant.since >= BEGINNING
