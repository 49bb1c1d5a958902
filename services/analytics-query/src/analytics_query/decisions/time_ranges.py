"""What is meant by a time range: `last_hour`, `90m`, `P1D`, or two ends of ISO 8601."""

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from analytics_query.decisions.cover import ceiling_of
from analytics_query.domain.vocabulary import Resolution, bucket_of
from analytics_query.errors import InvalidTimeRange

DEFAULT = "last_24_hours"
ALL = "all"
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""Since when `all` counts: before anything."""
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
SHORT = re.compile(r"(\d{1,9})([mhdw])")
UNITS = {"m": MINUTE, "h": timedelta(hours=1), "d": DAY, "w": timedelta(weeks=1)}
DURATION = re.compile(
    r"P(?=[\dT])(?:(?P<years>\d{1,4})Y)?(?:(?P<months>\d{1,5})M)?(?:(?P<weeks>\d{1,6}(?:\.\d+)?)W)?(?:(?P<days>\d{1,7}(?:\.\d+)?)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,8}(?:\.\d+)?)H)?(?:(?P<minutes>\d{1,9}(?:\.\d+)?)M)?(?:(?P<seconds>\d{1,9}(?:\.\d+)?)S)?)?"
)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A stretch of time in whole minutes (UTC): from `since` up to but not including `until`."""

    name: str
    """As it was asked for."""
    since: datetime
    until: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.until - self.since

    @property
    def before(self) -> "TimeRange":
        """The stretch of the same length before it: the baseline of its figures."""
        return self.earlier(self.length)

    def earlier(self, length: timedelta) -> "TimeRange":
        """A stretch that ends where this one begins; it does not go back beyond the year 2000."""
        since = max(BEGINNING, self.since - length) if self.since > BEGINNING else self.since
        return TimeRange(self.name, min(since, self.since), self.since)

    def outward(self, resolution: Resolution) -> "TimeRange":
        """The whole minutes, hours or days that it touches."""
        return TimeRange(self.name, bucket_of(self.since, resolution), ceiling_of(self.until, resolution))

    def not_before(self, first: datetime) -> "TimeRange":
        """The part of it from there on; a minute at least."""
        return TimeRange(self.name, min(max(self.since, first), self.until - MINUTE), self.until)

    def hours(self, now: datetime) -> float:
        """How many hours of it have passed."""
        return max(0.0, (min(self.until, now) - self.since) / timedelta(hours=1))


def time_range(text: str, now: datetime) -> TimeRange:
    """The stretch of time that `text` names at `now`. Raises InvalidTimeRange."""
    asked = text.strip()
    try:
        since, until = _ends(asked, now)
    except (ValueError, OverflowError) as error:
        raise InvalidTimeRange(text, allowed_forms(), str(error)) from error
    if since >= until:
        raise InvalidTimeRange(text, allowed_forms(), "it must end after it begins")
    return TimeRange(asked, *_outward(max(since, BEGINNING), max(until, BEGINNING + MINUTE)))


def allowed_forms() -> list[str]:
    """What may be asked for."""
    return [
        *_NAMED,
        "<n>m, <n>h, <n>d or <n>w, such as 90m",
        "an ISO 8601 duration, such as PT6H",
        "an ISO 8601 interval: start/end, start/duration or duration/end",
    ]


def _ends(asked: str, now: datetime) -> tuple[datetime, datetime]:
    if asked in _NAMED:
        return _NAMED[asked](now)
    if short := SHORT.fullmatch(asked):
        return now - int(short[1]) * UNITS[short[2]], now
    if "/" in asked:
        first, _, second = asked.partition("/")
        return _interval(first, second)
    if asked.startswith("P"):
        return _shifted(now, asked, -1), now
    raise ValueError("it is none of the allowed forms")


def _interval(first: str, second: str) -> tuple[datetime, datetime]:
    if first.startswith("P"):
        until = _moment(second)
        return _shifted(until, first, -1), until
    since = _moment(first)
    return since, _shifted(since, second, 1) if second.startswith("P") else _moment(second)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _shifted(moment: datetime, duration: str, sign: int) -> datetime:
    parts = DURATION.fullmatch(duration)
    if parts is None:
        raise ValueError(f"{duration} is no ISO 8601 duration")
    given = {name: float(amount) for name, amount in parts.groupdict().items() if amount}
    months = int(given.pop("years", 0) * 12 + given.pop("months", 0))
    return _months_away(moment, sign * months) + sign * timedelta(**given)


def _months_away(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise ValueError("it goes beyond the calendar")
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def _outward(since: datetime, until: datetime) -> tuple[datetime, datetime]:
    down = until.replace(second=0, microsecond=0)
    return since.replace(second=0, microsecond=0), down if down == until else down + MINUTE


def _last(length: timedelta) -> Callable[[datetime], tuple[datetime, datetime]]:
    return lambda now: (now - length, now)


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


_NAMED: dict[str, Callable[[datetime], tuple[datetime, datetime]]] = {
    "last_15_minutes": _last(timedelta(minutes=15)),
    "last_hour": _last(timedelta(hours=1)),
    "last_6_hours": _last(timedelta(hours=6)),
    "last_24_hours": _last(timedelta(hours=24)),
    "last_7_days": _last(timedelta(days=7)),
    "last_30_days": _last(timedelta(days=30)),
    "last_90_days": _last(timedelta(days=90)),
    "today": lambda now: (_midnight(now), now + MINUTE),
    "yesterday": lambda now: (_midnight(now) - DAY, _midnight(now)),
    "this_week": lambda now: (_midnight(now) - DAY * now.weekday(), now + MINUTE),
    "this_month": lambda now: (_midnight(now).replace(day=1), now + MINUTE),
    ALL: lambda now: (BEGINNING, now + MINUTE),
}
