"""Groups of errors: how often each occurred in a time, how bad it was, and whom it hit."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from analytics_query.decisions.reports.reading import Reading, Span
from analytics_query.domain.rollups import Figures, Rollup
from analytics_query.domain.vocabulary import Dimension
from contracts.analytics import ErrorGroup, Point, StrategyOutcome
from contracts.events.recovery import Severity

SEVERITIES = tuple(Severity)
"""Worst first."""
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class KnownGroup:
    """A group as its table has it."""

    fingerprint: str
    error_type: str
    severity: Severity
    """The worst, ever."""
    message: str
    place: str
    first_seen: datetime
    last_seen: datetime
    count: int
    """Ever."""
    of_filter: int | None = None
    """Ever, of the worker or task that was asked for; of both at most."""
    of_others: int = 0
    """Ever, not of them; of both at most."""


@dataclass(frozen=True, slots=True)
class Affected:
    """Whom a group has hit, by fingerprint."""

    workers: Mapping[str, list[tuple[str, int]]] = field(default_factory=dict[str, list[tuple[str, int]]])
    """With how often, most first."""
    tasks: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class MetGroup:
    """A group as it occurred in the period, in the severities that were asked for."""

    known: KnownGroup
    severity: Severity
    """The worst in the period."""
    count: int
    """How often; where of a worker or a task it is not known, the most that it can be."""
    least: int
    """The least that it can be."""
    of_all: int
    """How often, of whatever worker and task."""
    by_severity: Mapping[str, int]
    """Of all of them, worst first; empty where it is not known."""

    @property
    def is_exact(self) -> bool:
        """Whether it is known how often it occurred."""
        return self.count == self.least

    @property
    def severities(self) -> Mapping[str, int]:
        """How many of each severity, worst first; empty where it is not known."""
        if self.least == self.of_all:
            return self.by_severity
        return {next(iter(self.by_severity)): self.count} if self.is_exact and len(self.by_severity) == 1 else {}


def worse_than(severities: Collection[str]) -> list[str]:
    """The severities that are the worst of groups which may have some of these beside."""
    mildest = max(SEVERITIES.index(Severity(name)) for name in severities)
    return [severity.value for severity in SEVERITIES[:mildest] if severity not in severities]


def groups_in(reading: Reading, known: Iterable[KnownGroup], severities: Collection[str] = ()) -> list[MetGroup]:
    """Groups with how often they occurred in the period, the most frequent first."""
    return _sorted(_met(reading, group, severities) for group in known)


def among(groups: Sequence[MetGroup], total: int) -> list[MetGroup]:
    """The groups where it is known how many errors they have together: none has more, or less than others leave."""
    others = total - sum(group.count for group in groups)

    def narrowed(group: MetGroup) -> MetGroup:
        most = min(group.count, total)
        # Groups that are too old may be gone while their errors are still counted.
        return replace(group, count=most, least=min(most, max(group.least, others + group.count)))

    return _sorted(map(narrowed, groups))


def by_severity(figures: Figures, severities: Collection[str] = ()) -> dict[str, int]:
    """How many errors of each severity, worst first; of some severities alone if there are any."""
    wanted = [one.value for one in SEVERITIES if not severities or one in severities]
    counts = {severity: figures.counts.get(f"errors:{severity}", 0) for severity in wanted}
    return {severity: count for severity, count in counts.items() if count > 0}


def by_type(groups: Iterable[MetGroup]) -> dict[str, int]:
    """How many errors of each type, the most frequent first."""
    counts: Counter[str] = Counter()
    for group in groups:
        counts[group.known.error_type] += group.count
    return dict(counts.most_common(50))


def shown_group(
    group: MetGroup,
    reading: Reading,
    affected: Affected,
    strategies: Sequence[StrategyOutcome],
    severities: Collection[str] = (),
) -> ErrorGroup:
    """A group as the answer has it; over time only where that tells no others' errors."""
    known = group.known
    figures = reading.at(Span.now, Dimension.error, known.fingerprint)
    workers = affected.workers.get(known.fingerprint, [])
    tried = max(0, figures.counts.get("recoveries_tried", 0))
    series = reading.series.get((Dimension.error, known.fingerprint), []) if group.least == group.of_all else []
    return ErrorGroup(
        fingerprint=known.fingerprint,
        error_type=known.error_type,
        severity=group.severity,
        message=known.message,
        place=known.place or None,
        count=group.count,
        first_seen=known.first_seen,
        last_seen=known.last_seen,
        is_new=known.first_seen >= reading.period.since,
        workers=[worker for worker, _ in workers[:MOST_NAMED]],
        workers_affected=len(workers),
        tasks_affected=affected.tasks.get(known.fingerprint, 0),
        recoveries_tried=tried,
        recoveries_successful=min(tried, max(0, figures.counts.get("recoveries_successful", 0))),
        strategies=list(strategies),
        trend=trend(series, severities),
    )


def trend(series: Sequence[Rollup], severities: Collection[str] = ()) -> list[Point]:
    """How often in each stretch of time."""
    return [
        Point(at=datetime.fromtimestamp(one.key.bucket_s, UTC), value=count, samples=count)
        for one in series
        if (count := _counted(one.figures, severities)) > 0
    ]


def _met(reading: Reading, group: KnownGroup, severities: Collection[str]) -> MetGroup:
    figures = reading.at(Span.now, Dimension.error, group.fingerprint)
    found, count = by_severity(figures, severities), _counted(figures, severities)
    # Roll-ups of a group are not kept by worker or task: of these no more can be than there ever were, and of others
    # no more than they ever had.
    return MetGroup(
        known=group,
        severity=Severity(next(iter(found), group.severity)),
        count=count if group.of_filter is None else min(count, group.of_filter),
        least=max(0, count - group.of_others),
        of_all=count,
        by_severity=found,
    )


def _counted(figures: Figures, severities: Collection[str]) -> int:
    return sum(by_severity(figures, severities).values()) if severities else figures.counts.get("errors", 0)


def _sorted(groups: Iterable[MetGroup]) -> list[MetGroup]:
    return sorted((one for one in groups if one.count > 0), key=lambda one: (-one.count, one.known.fingerprint))
