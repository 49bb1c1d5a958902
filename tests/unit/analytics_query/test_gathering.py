"""What is read for a report: which entities, over which time, how fine."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from analytics_query.decisions.reports.needs import of_system
from analytics_query.decisions.reports.reading import Need, Span
from analytics_query.decisions.time_ranges import time_range
from analytics_query.domain.retention import Kept
from analytics_query.domain.rollups import Figures
from analytics_query.domain.vocabulary import SYSTEM, Dimension, Entity, Resolution
from analytics_query.handlers.gathering import Sources, gather
from analytics_query.ports import Busiest, Leading, Position, Stretched

NOW = datetime(2026, 11, 18, 14, 37, 20, tzinfo=UTC)
KEPT = Kept({Resolution.minute: NOW - timedelta(days=3), Resolution.hour: NOW - timedelta(days=90)})


class Asking:
    """Sums and roll-ups that remember what was asked."""

    def __init__(self) -> None:
        self.stretched: list[Stretched] = []
        self.ranked: list[Busiest] = []
        self.questions = 0

    async def totals(self, asked: Sequence[Stretched], position: int | None = None) -> dict[str, dict[Entity, Figures]]:
        self.stretched += asked
        self.questions += 1
        return {}

    async def busiest(self, asked: Sequence[Busiest], position: int | None = None) -> dict[Dimension, Leading]:
        self.ranked += asked
        self.questions += 1
        return {one.dimension: Leading([f"some {one.dimension}"], 1) for one in asked}

    async def series(self, *_: Any) -> list[Any]:
        self.questions += 1
        return []


async def ask(needs: list[Need], period: str, newest: datetime | None = None) -> Asking:
    asking: Any = Asking()
    sources = Sources(asking, asking, asking, asking)
    await gather(needs, time_range(period, NOW), NOW, Position(1, newest_event_at=newest, kept=KEPT), sources)
    return asking


async def test_a_whole_report_takes_few_statements() -> None:
    asking = await ask(of_system(["all"]), "last_30_days")
    assert asking.questions == 4
    assert {one.dimension for one in asking.ranked} >= {Dimension.worker, Dimension.task_class, Dimension.operation}
    assert all(one.entities for one in asking.stretched)


async def test_what_was_before_ends_where_the_period_begins() -> None:
    spans = (Span.now, Span.before, Span.history)
    for period in ("last_hour", "last_24_hours", "last_30_days"):
        for dimension in (Dimension.system, Dimension.phase):
            asking = await ask([Need(span, dimension, (SYSTEM,)) for span in spans], period)
            now, before, *histories = asking.stretched
            # Of a week or more the time before is the history, and is read once.
            history = histories[0] if histories else before
            widths = {Resolution.minute: 60, Resolution.hour: 3_600, Resolution.day: 86_400}
            begins = now.since.timestamp() // widths[now.finest] * widths[now.finest]
            assert before.until.timestamp() == begins or before.finest is not now.finest
            assert before.until <= now.since
            assert history.until <= now.since
            assert bool(histories) is (period != "last_30_days")
            assert history.until - history.since >= timedelta(days=7) - timedelta(hours=1)


async def test_long_ranges_and_old_times_are_read_by_the_hour_or_day() -> None:
    def finest(asking: Asking) -> list[Resolution]:
        return [one.finest for one in asking.stretched]

    whole, needs = [Need(Span.now, Dimension.system, (SYSTEM,))], [Need(Span.now, Dimension.worker, ("w",))]
    assert finest(await ask(whole, "last_hour")) == [Resolution.minute]
    assert finest(await ask(needs, "last_hour")) == [Resolution.hour]
    assert finest(await ask(needs, "last_30_days")) == [Resolution.hour]
    assert finest(await ask(needs, "2026-11-10/PT1H")) == [Resolution.hour]
    assert finest(await ask(needs, "2026-01-10/PT1H")) == [Resolution.day]


async def test_today_is_read_as_one_where_nothing_is_after_the_end() -> None:
    def ends(asking: Asking) -> set[datetime]:
        return {one.until for one in (*asking.stretched, *asking.ranked)}

    hour, midnight = NOW.replace(minute=0, second=0), NOW.replace(hour=0, minute=0, second=0) + timedelta(days=1)
    needs, minute = of_system(["utilization"])[2:], NOW.replace(minute=38, second=0)
    needs.append(Need(Span.now, Dimension.worker, ("w",)))
    for newest, end in (
        (None, minute),
        (NOW, midnight),
        (hour + timedelta(minutes=59, seconds=59), midnight),
        (hour + timedelta(hours=1), minute),
        (NOW + timedelta(days=400), minute),
    ):
        before = minute.replace(minute=0) - timedelta(hours=24)
        assert ends(await ask(needs, "last_24_hours", newest)) == {end, before}, newest
    whole = [Need(Span.now, Dimension.system, (SYSTEM,))]
    assert ends(await ask(whole, "last_hour", NOW)) == {midnight}
    assert ends(await ask(whole, "last_hour", minute)) == {minute}
    for past in ("2026-11-10/2026-11-18T14:36", "2026-11-18/2026-11-19T00:01", "9999-12-31T01:00/9999-12-31T23:00"):
        [end] = {time_range(past, NOW).until}
        assert end in ends(await ask(whole, past, NOW))
        assert midnight not in ends(await ask(whole, past, NOW))
