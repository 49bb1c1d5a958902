"""Figures over time, and which way they go."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from analytics_query.decisions.reports.definitions import Definition, Named, is_wanted, rounded
from analytics_query.decisions.reports.evident import LEVELS
from analytics_query.decisions.reports.reckoned import Recipe, Reckoned
from analytics_query.decisions.statistics.intervals import Interval
from analytics_query.decisions.statistics.robust import theil_sen
from analytics_query.decisions.time_ranges import TimeRange
from analytics_query.domain.rollups import Rollup
from analytics_query.domain.vocabulary import RESOLUTIONS, WIDTH, Dimension, Resolution
from contracts.analytics import Figure, Point, Series
from contracts.events import Evidence

MINUTES_UP_TO = timedelta(hours=2)
HOURS_UP_TO = timedelta(days=4)
WEEK_S = 7 * 86_400
MINIMUM = 5
"""Points of a series that a trend takes."""


class Trend(NamedTuple):
    """A figure whose way is told, and the figure that tells it."""

    of: str
    told_as: Named


class Time(NamedTuple):
    """When a roll-up is of."""

    at: datetime
    """Its beginning."""
    hours: float
    """How many hours of it have passed: the newest one is not over."""


def _trend(of: str, unit: str, group: str, better: str) -> Trend:
    formula = f"Theil-Sen slope of `{of}` by hour or day, for each week, with Sen's interval"
    direction = "higher" if better == "higher" else "lower"
    return Trend(of, Named(f"{of}_trend", unit, formula, (group,), direction, MINIMUM, f"as `{of}`", by_evidence=True))


TRENDS = (
    _trend("line_coverage", "percentage_points_per_week", "coverage", "higher"),
    _trend("branch_coverage", "percentage_points_per_week", "coverage", "higher"),
    _trend("cyclomatic_complexity", "per_week", "complexity", "lower"),
    _trend("cognitive_complexity", "per_week", "complexity", "lower"),
    _trend("maintainability_index", "per_week", "maintainability", "higher"),
)


def resolution_for(period: TimeRange, dimension: Dimension) -> Resolution:
    """How fine the series of a report are: about a hundred points."""
    if period.length <= MINUTES_UP_TO and Resolution.minute in RESOLUTIONS[dimension]:
        return Resolution.minute
    return Resolution.hour if period.length <= HOURS_UP_TO else Resolution.day


def series_of(
    definitions: Iterable[Definition],
    rollups: Sequence[Rollup],
    wanted: Collection[str],
    names: Collection[str],
    now: datetime,
) -> list[Series]:
    """The figures of these names over time up to now; those without any point are left out."""
    times = [_time(one, now) for one in rollups]
    made = [
        _series(definition, rollups, times)
        for definition in definitions
        if definition.name in names and is_wanted(definition.groups, wanted)
    ]
    return [series for series in made if series.points]


def trends_of(series: Iterable[Series], wanted: Collection[str]) -> list[Figure]:
    """Which way the series go, where there are points enough."""
    known = {one.name: one for one in series}
    return [
        figure
        for trend in TRENDS
        if trend.of in known
        and is_wanted(trend.told_as.groups, wanted)
        and (figure := _told(trend, known[trend.of])) is not None
    ]


def _told(trend: Trend, series: Series) -> Figure | None:
    points = [(point.at.timestamp() / WEEK_S, point.value) for point in series.points]
    slope = theil_sen(points) if len(points) >= MINIMUM else None
    if slope is None:
        return None
    evidence = series.evidence.value if series.evidence else None
    reckoned = Reckoned(slope.value, len(points), Interval(slope.low, slope.high), evidence)
    return trend.told_as.figure(None, reckoned=reckoned)


def _series(definition: Definition, rollups: Sequence[Rollup], times: Sequence[Time]) -> Series:
    resolution = rollups[0].key.resolution if rollups else Resolution.hour
    reckoned, level = _reckoned(definition.recipe, rollups, times)
    points = [
        Point(at=time.at, value=value, samples=max(0, one.samples))
        for time, one in zip(times, reckoned, strict=True)
        if (value := rounded(one.value)) is not None
    ]
    evidence = Evidence(level) if level else definition.claimed
    return Series(
        name=definition.name, unit=definition.unit, resolution=resolution.value, points=points, evidence=evidence
    )


def _reckoned(recipe: Recipe, rollups: Sequence[Rollup], times: Sequence[Time]) -> tuple[list[Reckoned], str | None]:
    """The figure of each, all at one level of evidence: the best that any of them has."""
    places = list(zip(rollups, times, strict=True))
    best = [recipe.reckon(one.figures, time.hours, bare=True) for one, time in places]
    if not recipe.by_evidence:
        return best, None
    found = {one.evidence for one in best}
    level = next((level for level in LEVELS if level in found), None)
    return [
        known if known.evidence == level else recipe.reckon(one.figures, time.hours, level, bare=True)
        for known, (one, time) in zip(best, places, strict=True)
    ], level


def _time(rollup: Rollup, now: datetime) -> Time:
    width_s = WIDTH[rollup.key.resolution].total_seconds()
    passed_s = now.timestamp() - rollup.key.bucket_s
    hours = (min(width_s, passed_s) if passed_s > 0 else width_s) / 3_600
    return Time(datetime.fromtimestamp(rollup.key.bucket_s, UTC), hours)
