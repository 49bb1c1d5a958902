"""Reading what a report needs, in few statements."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from analytics_query.decisions.cover import ceiling_of
from analytics_query.decisions.reports.needs import MOST, RANKED_BY, left_out
from analytics_query.decisions.reports.reading import Need, Reading, Span
from analytics_query.decisions.reports.trends import resolution_for
from analytics_query.decisions.time_ranges import ALL, TimeRange
from analytics_query.domain.rollups import Rollup
from analytics_query.domain.vocabulary import RESOLUTIONS, SYSTEM, WIDTH, Dimension, Entity, Resolution, bucket_of
from analytics_query.ports import Busiest, Documents, Leading, Position, Records, Rollups, Stretched, Sums

LONG = timedelta(days=7)
"""Ranges from this length on are read by whole hours, and ranked by whole days of the last week."""
VERY_LONG = timedelta(days=28)
"""Ranges from this length on are read by whole days where entities are many."""
HISTORY = timedelta(days=7)
"""Least length of the history that findings are compared with."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where reports read."""

    sums: Sums
    rollups: Rollups
    documents: Documents
    records: Records


async def counted_time(period: TimeRange, finest: Resolution, sources: Sources) -> TimeRange:
    """The time that is counted: of what is not kept by the minute whole hours; `all` begins with the first event."""
    if period.name == ALL and (first := await sources.rollups.first(Dimension.system, SYSTEM)) is not None:
        period = period.not_before(first)
    return period.outward(finest)


async def gather(
    needs: Iterable[Need], period: TimeRange, now: datetime, position: Position, sources: Sources
) -> Reading:
    """What a report needs of the roll-ups: one statement to find the busiest, one for all sums, one for each series."""
    asked = _once(needs, period)
    busiest = await sources.sums.busiest(_busiest(asked, period, now, position), position.number)
    named = [need if need.entities is not None else need._replace(entities=_most(need, busiest)) for need in asked]
    long = period.length >= VERY_LONG
    summed = [
        _stretched(need, period, now, position, long and (wish.entities is None or len(wish.entities) > 1))
        for wish, need in zip(asked, named, strict=True)
        if need.span is not Span.series and need.entities
    ]
    over_time = [need for need in named if need.span is Span.series and need.entities]
    totals, series = await asyncio.gather(
        sources.sums.totals(summed, position.number),
        asyncio.gather(*(series_in(need, period, position, sources) for need in over_time)),
    )
    spans = {Span(label): dict(found) for label, found in totals.items()}
    if _before_is_history(period):
        spans[Span.history] = spans.get(Span.history, {}) | spans.get(Span.before, {})
    many = {dimension: leading.many for dimension, leading in busiest.items()}
    return Reading(period, now, spans, by_entity(rollup for found in series for rollup in found), many)


async def series_in(need: Need, period: TimeRange, position: Position, sources: Sources) -> list[Rollup]:
    """The roll-ups of a period one by one, in order of time, as fine as a report tells them and they are kept."""
    resolution = resolution_for(period, need.dimension)
    kept = _finest(need.dimension, period.since, timedelta(), position)
    if WIDTH[kept] > WIDTH[resolution]:
        resolution = kept
    entities, span = need.entities or (), (period.since, period.until)
    return await sources.sums.series(
        Stretched(need.span.value, need.dimension, entities, *span, resolution, left_out(need.reads)), position.number
    )


def by_entity(rollups: Iterable[Rollup]) -> dict[Entity, list[Rollup]]:
    """Roll-ups of each entity, in their order."""
    found: dict[Entity, list[Rollup]] = {}
    for rollup in rollups:
        found.setdefault((rollup.key.dimension, rollup.key.entity), []).append(rollup)
    return found


def _once(needs: Iterable[Need], period: TimeRange) -> list[Need]:
    """Each but once, with all that any wants of it; no history where the time before is the same and read anyway."""
    asked = list(needs)
    before = {(need.dimension, need.entities) for need in asked if need.span is Span.before}
    once: dict[tuple[Span, Dimension, tuple[str, ...] | None], Need] = {}
    for need in asked:
        if need.span is Span.history and _before_is_history(period) and (need.dimension, need.entities) in before:
            need = need._replace(span=Span.before)
        known = once.get(need[:3], need)
        reads, most = need.reads.with_those_of(known.reads), max(need.most, known.most)
        once[need[:3]] = need._replace(reads=reads, most=most)
    return list(once.values())


def _before_is_history(period: TimeRange) -> bool:
    return period.length >= HISTORY


def _busiest(needs: Sequence[Need], period: TimeRange, now: datetime, position: Position) -> list[Busiest]:
    most: dict[Dimension, int] = {}
    for need in needs:
        if need.entities is None:
            most[need.dimension] = max(need.most, most.get(need.dimension, MOST[need.dimension]))
    since = max(period.since, period.until - LONG)
    found: list[Busiest] = []
    for dimension, limit in most.items():
        finest = Resolution.day
        if period.length < LONG:
            finest = _finest(dimension, period.since, period.length, position)
        until = _end(period.until, finest, now, position)
        found.append(Busiest(dimension, RANKED_BY[dimension], since, until, finest, limit))
    return found


def _most(need: Need, busiest: dict[Dimension, Leading]) -> tuple[str, ...]:
    return tuple(busiest[need.dimension].entities) if need.dimension in busiest else ()


def _stretched(need: Need, period: TimeRange, now: datetime, position: Position, many: bool) -> Stretched:
    since, until = _ends(need.span, period)
    finest = _finest(need.dimension, min(since, period.before.since), period.length, position)
    if many:
        finest = Resolution.day
    if need.span is Span.now:
        until = _end(until, finest, now, position)
    else:
        # What was before ends where the buckets of the period begin, so that none counts on both sides.
        until = bucket_of(until, finest)
        since = min(since, until)
    return Stretched(need.span.value, need.dimension, need.entities or (), since, until, finest, left_out(need.reads))


def _end(until: datetime, finest: Resolution, now: datetime, position: Position) -> datetime:
    """Where reading ends: with today, if no event is behind an end from now on, which takes far fewer roll-ups."""
    newest, midnight = position.newest_event_at, ceiling_of(now, Resolution.day)
    ended = newest is not None and newest < ceiling_of(until, finest)
    # Of a time that is past there may be news before its roll-ups are read.
    return midnight if ended and now <= until <= midnight else until


def _ends(span: Span, period: TimeRange) -> tuple[datetime, datetime]:
    if span is Span.now:
        return period.since, period.until
    if span is Span.before:
        return period.before.since, period.since
    return period.earlier(max(period.length, HISTORY)).since, period.since


def _finest(dimension: Dimension, since: datetime, length: timedelta, position: Position) -> Resolution:
    """The finest resolution that is needed, and still kept since then."""
    for resolution in RESOLUTIONS[dimension]:
        bound = position.kept.since.get(resolution)
        if (bound is None or since >= bound) and not (resolution is Resolution.minute and length >= LONG):
            return resolution
    return Resolution.day
