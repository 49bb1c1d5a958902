"""Analyses of single things: errors in groups, and decisions."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from analytics_query.decisions.reports import decisions, errors, needs
from analytics_query.decisions.reports.asked import Asked
from analytics_query.decisions.reports.errors import KnownGroup
from analytics_query.decisions.reports.reading import Need, Reading, Span
from analytics_query.decisions.reports.system import DEFINITIONS as SYSTEM_FIGURES
from analytics_query.decisions.reports.trends import series_of
from analytics_query.domain.rollups import Rollup
from analytics_query.domain.vocabulary import SYSTEM, Dimension, Entity
from analytics_query.handlers.gathering import Sources, by_entity, gather, series_in
from analytics_query.ports import DecisionsAsked, GroupsAsked, Position
from contracts.analytics import DecisionAnalysis, ErrorAnalysis, ErrorGroup, Series, Standing
from servicekit.paging import decode_cursor, encode_cursor, invalid_cursor

MOST_GROUPS = 500
"""Groups that are looked at; those that were seen most often ever."""
MOST_DECISIONS = 1_000
"""Decisions of one task that are looked at."""
MANY = f"More than {MOST_GROUPS} groups: only the {MOST_GROUPS} that were seen most often ever are looked at."
BY_FILTER = (
    "Counts of a worker or a task are those of all time where that is less than the group has in this time: roll-ups "
    "of a group are not kept by worker or task."
)


async def analyze_errors(
    asked: Asked, cursor: str | None, now: datetime, position: Position, sources: Sources, objective_percent: float
) -> ErrorAnalysis:
    """Groups of errors, the most frequent first."""
    more, begin = dict(asked.more), _offset(cursor)
    filters = GroupsAsked(asked.period.since, asked.period.until, *(more[name] for name in FILTERS))
    known = await sources.records.groups(filters, MOST_GROUPS + 1)
    wished = needs.of_errors([group.fingerprint for group in known[:MOST_GROUPS]], more["include_recovery"])
    reading = await gather(wished, asked.period, now, position, sources)
    groups = errors.groups_in(reading, known[:MOST_GROUPS])
    page = groups[begin : begin + asked.limit]
    shown = await _shown(page, reading, more["include_recovery"], position, sources)
    filtered = any(more[name] for name in FILTERS)
    budget = errors.budget_of(reading.system.now, objective_percent)
    total, severities, before = _totals(reading, groups, filtered)
    following = begin + asked.limit
    notes = [MANY] if len(known) > MOST_GROUPS else []
    notes += [BY_FILTER] if more["worker_id"] or more["task_id"] else []
    return ErrorAnalysis(
        since=asked.period.since,
        until=asked.period.until,
        time_range=asked.period.name,
        total=total,
        by_severity=severities,
        by_type=errors.by_type(groups),
        groups=shown,
        next_cursor=encode_cursor((following,)) if following < len(groups) else None,
        strategies=errors.strategies_of(reading) if more["include_recovery"] else [],
        budget=budget,
        series=_series(reading) if not filtered else [],
        summary=errors.summary_of(groups, total, before, asked.period, budget),
        notes=notes,
        standing=Standing(position=position.number, computed_at=now),
    )


async def analyze_decisions(
    asked: Asked, cursor: str | None, now: datetime, position: Position, sources: Sources
) -> DecisionAnalysis:
    """Decisions by type with how their attempts ended, and the decisions themselves, newest first."""
    more, period = dict(asked.more), asked.period
    task_id, decision_type = more["task_id"], more["decision_type"]
    filters = DecisionsAsked(period.since, period.until, task_id, decision_type)
    found = await sources.records.decisions(filters, _place(cursor), asked.limit + 1)
    if task_id is None:
        reading = await gather(needs.of_decisions(), period, now, position, sources)
        patterns = decisions.patterns_of(reading, decision_type)
    else:
        patterns = decisions.patterns_among(await sources.records.decisions(filters, None, MOST_DECISIONS))
    tasks = sorted({one.task_id for one in found if one.task_id is not None})
    taken_back = decisions.taken_back(await sources.records.decisions_of(tasks, MOST_DECISIONS) if tasks else ())
    page, last = found[: asked.limit], found[asked.limit - 1] if len(found) > asked.limit else None
    return DecisionAnalysis(
        since=period.since,
        until=period.until,
        time_range=period.name,
        patterns=patterns,
        decisions=decisions.shown(page, more["include_reasoning"], taken_back),
        next_cursor=encode_cursor((last.decided_at, last.event_id)) if last else None,
        summary=decisions.summary_of(patterns),
        notes=[],
        standing=Standing(position=position.number, computed_at=now),
    )


FILTERS = ("error_type", "severities", "worker_id", "task_id")


def _totals(
    reading: Reading, groups: Sequence[tuple[KnownGroup, int]], filtered: bool
) -> tuple[int, dict[str, int], int | None]:
    """How many errors, by severity, and how many before; of some groups by what the groups say."""
    if filtered:
        severities: dict[str, int] = {}
        for group, count in groups:
            severities[group.severity.value] = severities.get(group.severity.value, 0) + count
        return sum(count for _, count in groups), severities, None
    severities = errors.by_severity(reading.system.now)
    return sum(severities.values()), severities, sum(errors.by_severity(reading.system.before).values())


async def _shown(
    page: Sequence[tuple[KnownGroup, int]],
    reading: Reading,
    include_recovery: bool,
    position: Position,
    sources: Sources,
) -> list[ErrorGroup]:
    if not page:
        return []
    fingerprints = [group.fingerprint for group, _ in page]
    series = Need(Span.series, Dimension.error, tuple(fingerprints), needs.COUNTS)
    affected, rollups = await asyncio.gather(
        sources.records.affected(fingerprints, position.number),
        series_in(series, reading.period, position, sources),
    )
    told = _with_series(reading, by_entity(rollups))
    return [
        errors.shown_group(
            group,
            count,
            told,
            affected,
            errors.strategies_of(told, group.fingerprint) if include_recovery else [],
        )
        for group, count in page
    ]


def _with_series(reading: Reading, series: dict[Entity, list[Rollup]]) -> Reading:
    return Reading(reading.period, reading.now, reading.spans, {**reading.series, **series})


def _series(reading: Reading) -> list[Series]:
    rollups = reading.series.get((Dimension.system, SYSTEM), [])
    return series_of(SYSTEM_FIGURES, rollups, ("all",), ("errors_reported",), reading.now)


def _offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    [offset] = decode_cursor(cursor, 1)
    if not isinstance(offset, int) or isinstance(offset, bool) or not 0 <= offset <= MOST_GROUPS:
        raise invalid_cursor()
    return offset


def _place(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    at, event_id = decode_cursor(cursor, 2)
    try:
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("no time zone")
    except (TypeError, ValueError) as error:
        raise invalid_cursor() from error
    return moment, str(event_id)
