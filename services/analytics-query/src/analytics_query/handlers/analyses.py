"""Analyses of single things: errors in groups, and decisions."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from analytics_query.decisions.reports import decisions, error_groups, errors, needs
from analytics_query.decisions.reports.asked import Asked
from analytics_query.decisions.reports.error_groups import KnownGroup, MetGroup
from analytics_query.decisions.reports.errors import Totals
from analytics_query.decisions.reports.reading import Need, Reading, Span
from analytics_query.decisions.reports.system import DEFINITIONS as SYSTEM_FIGURES
from analytics_query.decisions.reports.trends import series_of
from analytics_query.decisions.reports.words import hours_counted
from analytics_query.domain.rollups import Rollup
from analytics_query.domain.vocabulary import SYSTEM, Dimension, Entity, Resolution
from analytics_query.handlers.gathering import Sources, by_entity, counted_time, gather, series_in
from analytics_query.ports import DecisionsAsked, GroupsAsked, Position
from contracts.analytics import DecisionAnalysis, ErrorAnalysis, ErrorGroup, Series, Standing
from servicekit.paging import decode_cursor, encode_cursor, invalid_cursor

MOST_GROUPS = 500
"""Groups that are looked at; those that were seen most often ever."""
MOST_DECISIONS = 1_000
"""Decisions of one task that are looked at."""
MANY = f"More than {MOST_GROUPS} groups: only the {MOST_GROUPS} that were seen most often ever are looked at."
BY_FILTER = (
    "Counts of groups and types are the most that they can be: how many of a group's errors in this time are of a "
    "worker or a task is not kept."
)
STRATEGIES = "With a filter strategies are told by group alone: those over all groups would be of all errors."
RECOVERIES = "Recoveries of a group are those of all its errors in this time, of whatever worker, task and severity."
FILTERS = ("error_type", "severities", "worker_id", "task_id")
NARROWING = ("severities", "worker_id", "task_id")
"""Those that leave out some errors of a group."""


async def analyze_errors(
    asked: Asked, cursor: str | None, now: datetime, position: Position, sources: Sources, objective_percent: float
) -> ErrorAnalysis:
    """Groups of errors, the most frequent first."""
    more, begin = dict(asked.more), _offset(cursor)
    period = await counted_time(asked.period, Resolution.hour, sources)
    filters = GroupsAsked(period.since, period.until, *(more[name] for name in FILTERS))
    known = await sources.records.groups(filters, MOST_GROUPS + 1)
    given = {name for name in FILTERS if more[name]}
    wished = needs.of_errors(
        [group.fingerprint for group in known[:MOST_GROUPS]],
        more["worker_id"],
        include_recovery=more["include_recovery"],
        include_strategies=more["include_recovery"] and not given,
    )
    reading = await gather(wished, period, now, position, sources)
    groups, totals = _counted(reading, known, more, given)
    shown = await _shown(groups[begin : begin + asked.limit], reading, more, position, sources)
    budget = errors.budget_of(reading.system.now, objective_percent)
    following = begin + asked.limit
    return ErrorAnalysis(
        since=period.since,
        until=period.until,
        time_range=period.name,
        total=totals.most,
        least=None if totals.is_exact else totals.least,
        by_severity=totals.by_severity,
        by_type=error_groups.by_type(groups),
        groups=shown,
        next_cursor=encode_cursor((following,)) if following < len(groups) else None,
        strategies=errors.strategies_of(reading) if more["include_recovery"] and not given else [],
        budget=budget,
        failures=errors.failures_of(reading.system.now) if not given else {},
        series=_series(reading) if not given else [],
        summary=errors.summary_of(groups, totals, period, budget),
        notes=[
            *hours_counted(asked.period, period),
            *([MANY] if len(known) > MOST_GROUPS else []),
            *([BY_FILTER] if not all(group.is_exact for group in groups) else []),
            *([STRATEGIES] if more["include_recovery"] and given else []),
            *([RECOVERIES] if given.intersection(NARROWING) and any(one.recoveries_tried for one in shown) else []),
        ],
        standing=Standing(position=position.number, computed_at=now),
    )


async def analyze_decisions(
    asked: Asked, cursor: str | None, now: datetime, position: Position, sources: Sources
) -> DecisionAnalysis:
    """Decisions by type with how their attempts ended, and the decisions themselves, newest first."""
    more, period = dict(asked.more), asked.period
    task_id, decision_type = more["task_id"], more["decision_type"]
    if task_id is None:
        period = await counted_time(period, Resolution.hour, sources)
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
        notes=hours_counted(asked.period, period),
        standing=Standing(position=position.number, computed_at=now),
    )


def _counted(
    reading: Reading, known: Sequence[KnownGroup], more: Mapping[str, Any], given: Collection[str]
) -> tuple[list[MetGroup], Totals]:
    """The groups as they occurred, and how many errors there were: by the groups where nothing else tells."""
    severities, worker_id = more["severities"], more["worker_id"]
    groups = error_groups.groups_in(reading, known[:MOST_GROUPS], severities)
    if {"error_type", "task_id"}.intersection(given):
        return groups, errors.totals_of(groups)
    if worker_id is None:
        return groups, errors.totals_in(reading.system, severities)
    totals = errors.totals_in(reading.two(Dimension.worker, worker_id), severities)
    return (groups if len(known) > MOST_GROUPS else error_groups.among(groups, totals.most)), totals


async def _shown(
    page: Sequence[MetGroup], reading: Reading, more: Mapping[str, Any], position: Position, sources: Sources
) -> list[ErrorGroup]:
    if not page:
        return []
    fingerprints = [group.known.fingerprint for group in page]
    series = Need(Span.series, Dimension.error, tuple(fingerprints), needs.COUNTS)
    affected, rollups = await asyncio.gather(
        sources.records.affected(fingerprints, position.number),
        series_in(series, reading.period, position, sources),
    )
    told = _with_series(reading, by_entity(rollups))
    return [
        error_groups.shown_group(
            group,
            told,
            affected,
            errors.strategies_of(told, group.known.fingerprint) if more["include_recovery"] else [],
            more["severities"],
        )
        for group in page
    ]


def _with_series(reading: Reading, series: dict[Entity, list[Rollup]]) -> Reading:
    return replace(reading, series={**reading.series, **series})


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
