from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_query.decisions.cover import ceiling_of, cover, first_of
from analytics_query.decisions.retaining import kept_from
from analytics_query.domain.retention import Kept
from analytics_query.domain.vocabulary import COARSE, EVERY, WIDTH, Resolution, bucket_of

MINUTE, HOUR, DAY = Resolution.minute, Resolution.hour, Resolution.day
START = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = st.integers(0, 5 * 86_400_000).map(lambda ms: START + timedelta(milliseconds=ms))


def at(day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, 1, day, hour, minute, second, tzinfo=UTC)


def test_whole_days_are_read_as_days_and_the_ends_as_finely_as_they_need() -> None:
    assert cover(at(1, 22, 58), at(4, 1, 2), EVERY) == [
        (MINUTE, at(1, 22, 58), at(1, 23)),
        (HOUR, at(1, 23), at(2)),
        (DAY, at(2), at(4)),
        (HOUR, at(4), at(4, 1)),
        (MINUTE, at(4, 1), at(4, 1, 2)),
    ]


def test_a_short_time_is_read_in_one_piece() -> None:
    assert cover(at(1, 10, 5, 30), at(1, 10, 7, 1), EVERY) == [(MINUTE, at(1, 10, 5), at(1, 10, 8))]


@pytest.mark.parametrize(
    ("oldest", "first"),
    [
        ({}, None),
        ({DAY: at(3)}, at(3)),
        ({DAY: at(3), HOUR: at(3, 5), MINUTE: at(3, 5, 7)}, at(3, 5, 7)),
        ({DAY: at(3), HOUR: at(3, 5), MINUTE: at(9, 5, 7)}, at(3, 5)),
        ({DAY: at(1), HOUR: at(3, 5), MINUTE: at(9, 5, 7)}, at(1)),
    ],
)
def test_the_beginning_is_told_as_finely_as_it_is_kept(oldest: dict[Resolution, datetime], first: datetime) -> None:
    assert first_of(oldest) == first


def test_no_time_is_covered_by_nothing() -> None:
    assert cover(at(1), at(1), EVERY) == []


def test_what_is_no_longer_kept_so_finely_is_read_more_coarsely() -> None:
    kept = Kept({MINUTE: at(3), HOUR: at(2)})
    assert cover(at(1, 5, 7), at(3, 2, 30), EVERY, kept) == [
        (DAY, at(1), at(3)),
        (HOUR, at(3), at(3, 2)),
        (MINUTE, at(3, 2), at(3, 2, 30)),
    ]
    assert cover(at(2, 5, 7), at(2, 5, 20), EVERY, kept) == [(HOUR, at(2, 5), at(2, 6))]


@given(TIMES, TIMES, st.sampled_from([EVERY, COARSE, (DAY,)]), st.integers(0, 5), st.integers(0, 5))
def test_a_cover_has_no_gap_no_overlap_and_nothing_that_is_gone(
    one: datetime, other: datetime, resolutions: tuple[Resolution, ...], minute_days: int, hour_days: int
) -> None:
    since, until = min(one, other), max(one, other)
    kept = kept_from(START + timedelta(days=5), min(minute_days, hour_days), max(minute_days, hour_days))
    stretches = cover(since, until, resolutions, kept)
    if since == until:
        assert stretches == []
        return
    assert stretches[0].since <= since
    assert stretches[-1].until >= until
    assert all(before.until == after.since for before, after in pairwise(stretches))
    for stretch in stretches:
        assert stretch.since < stretch.until
        assert bucket_of(stretch.since, stretch.resolution) == stretch.since
        assert ceiling_of(stretch.until, stretch.resolution) == stretch.until
        assert stretch.resolution == resolutions[-1] or kept.has(stretch.resolution, stretch.since.timestamp())
    # No further out than one bucket of what is kept there.
    assert since - stretches[0].since < max(WIDTH[one] for one in resolutions)


@pytest.mark.parametrize(("minute_days", "hour_days"), [(3, 90), (1, 1)])
def test_what_is_kept_begins_with_a_whole_bucket_of_the_next_resolution(minute_days: int, hour_days: int) -> None:
    now = at(31, 13, 17, 5)
    kept = kept_from(now, minute_days, hour_days)
    assert kept.since[MINUTE] == at(31, 13) - timedelta(days=minute_days)
    assert kept.since[HOUR] == at(31) - timedelta(days=hour_days)
