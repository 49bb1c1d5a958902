"""Quotas of external services: how fast they burn, and when they will be used up."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from analytics_query.decisions.reports.definitions import Named, is_wanted
from analytics_query.decisions.reports.ranking import not_shown
from analytics_query.decisions.reports.reading import Reading, Span
from analytics_query.decisions.reports.reckoned import Reckoned
from analytics_query.decisions.reports.words import amount, duration
from analytics_query.decisions.statistics.intervals import Interval
from analytics_query.decisions.statistics.robust import theil_sen
from analytics_query.domain.rollups import Figures, Rollup
from analytics_query.domain.vocabulary import Dimension, parts_of
from contracts.analytics import Finding, Row, Section
from contracts.base import Level

GROUP = ("api_quota",)
REPORTS = "api_quota, resource"
USED = Named("quota_used", "percent", "100 × newest `used` ÷ newest `limit`", GROUP, "lower", source=REPORTS)
BURN = Named(
    "quota_burn",
    "per_hour",
    "Theil-Sen slope of the newest `used` of each hour since the last reset (a fall of `used`), with Sen's interval",
    GROUP,
    "lower",
    minimum=3,
    source=REPORTS,
)
EXHAUSTION = Named(
    "quota_exhaustion",
    "hours",
    "(newest `limit` − newest `used`) ÷ `quota_burn`",
    GROUP,
    "higher",
    minimum=3,
    source=REPORTS,
)
NAMED = (USED, BURN, EXHAUSTION)
HOUR_US = 3_600_000_000


class Quota(NamedTuple):
    """Where a quota stands."""

    used: float
    limit: float | None
    resets_at_s: float | None
    burn: Reckoned

    def exhaustion_hours(self) -> float | None:
        """Hours from the newest report until nothing is left; None: it does not burn, or has no limit."""
        if self.limit is None or not self.burn.value or self.burn.value <= 0:
            return None
        return max(0.0, self.limit - self.used) / self.burn.value


def quotas_section(reading: Reading, wanted: Collection[str], limit: int) -> Section | None:
    """Every quota that was reported; those first that will be used up first."""
    if not is_wanted(GROUP, wanted):
        return None
    known = {
        entity: quota
        for entity in reading.entities(Dimension.quota)
        if (
            quota := quota_of(
                reading.at(Span.now, Dimension.quota, entity), reading.series.get((Dimension.quota, entity), [])
            )
        )
    }
    ordered = sorted(known, key=lambda entity: (known[entity].exhaustion_hours() or float("inf"), entity))
    rows = [_row(entity, known[entity], rank) for rank, entity in enumerate(ordered[:limit], start=1)]
    findings = [one for entity in ordered if (one := _finding(entity, known[entity], reading.now))]
    notes = not_shown(reading, Dimension.quota, limit)
    return Section(name="quotas", title="API quotas", rows=rows, findings=findings, notes=notes) if rows else None


def quota_of(figures: Figures, series: Sequence[Rollup]) -> Quota | None:
    """Where a quota stands; None if its use was never reported."""
    used = figures.lasts.get("used")
    if used is None:
        return None
    limit, resets = figures.lasts.get("limit"), figures.lasts.get("resets_at_s")
    return Quota(used.value, limit.value if limit else None, resets.value if resets else None, _burn(series))


def _burn(series: Sequence[Rollup]) -> Reckoned:
    points = [(last.at_us / HOUR_US, last.value) for one in series if (last := one.figures.lasts.get("used"))]
    since = next((place for place in range(len(points) - 1, 0, -1) if points[place][1] < points[place - 1][1]), 0)
    since_reset = points[since:]
    slope = theil_sen(since_reset) if len(since_reset) >= BURN.minimum else None
    if slope is None:
        return Reckoned(samples=len(since_reset))
    return Reckoned(slope.value, len(since_reset), Interval(slope.low, slope.high))


def _row(entity: str, quota: Quota, rank: int) -> Row:
    share = 100 * quota.used / quota.limit if quota.limit else None
    unit = parts_of(entity)[-1]
    figures = [
        USED.figure(
            share, 1, note=f"{quota.used:g} of {quota.limit:g} {unit}" if quota.limit else f"{quota.used:g} {unit}"
        ),
        BURN.figure(None, reckoned=quota.burn, note=f"{unit} an hour"),
        EXHAUSTION.figure(quota.exhaustion_hours(), quota.burn.samples),
    ]
    return Row(entity_type="quota", entity_id=_name(entity), rank=rank, figures=figures)


def _finding(entity: str, quota: Quota, now: datetime) -> Finding | None:
    left = quota.exhaustion_hours()
    resets_h = None if quota.resets_at_s is None else (quota.resets_at_s - now.timestamp()) / 3_600
    if left is None or quota.burn.value is None or (resets_h is not None and 0 < resets_h <= left):
        return None
    if resets_h is None and left > 24:
        return None
    reset = (
        "no reset is known"
        if resets_h is None or resets_h <= 0
        else f"the reset comes in {duration(resets_h * 3_600_000)}"
    )
    text = (
        f"The quota {_name(entity)} will be used up in {duration(left * 3_600_000)} at "
        f"{amount(quota.burn.value, 'per_hour')}, and {reset}."
    )
    return Finding(
        kind="quota",
        severity=Level.critical if left < 1 else Level.high,
        text=text,
        entity_type="quota",
        entity_id=_name(entity),
        metric=EXHAUSTION.name,
        effect=round(left, 3),
        effect_measure="hours",
        samples=quota.burn.samples,
    )


def _name(entity: str) -> str:
    return " ".join(part for part in parts_of(entity) if part)[:200] or "quota"
