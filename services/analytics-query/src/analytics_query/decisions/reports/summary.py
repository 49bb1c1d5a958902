"""What matters in a report, in sentences, most important first."""

from collections.abc import Iterable, Sequence

from analytics_query.decisions.reports.comparisons import MINIMUM
from analytics_query.decisions.reports.definitions import Two
from analytics_query.decisions.reports.evident import spread_of
from analytics_query.decisions.reports.words import amount, counted, duration, probability
from analytics_query.decisions.statistics import SIGNIFICANT
from analytics_query.decisions.statistics.proportions import Share, compare_shares, wilson
from analytics_query.decisions.statistics.ranked import Ranked
from analytics_query.decisions.statistics.shifts import SMALL, compare_spreads
from contracts.analytics import Finding, Section
from contracts.base import Level

MOST = 6
ORDER = {Level.critical: 0, Level.high: 1, Level.medium: 2, Level.low: 3}
KINDS = ("error_budget", "regression", "quota", "memory_leak", "bottleneck", "disagreement")
"""Of equal severity these come first, in this order."""


def summary_of(sections: Iterable[Section], opening: Sequence[str]) -> list[str]:
    """The opening, then the findings that matter most; how many others there are."""
    findings = sorted((finding for section in sections for finding in section.findings), key=_weight)
    told = [finding for finding in findings if finding.severity is not Level.low or finding.kind == "regression"][:MOST]
    rest = len(findings) - len(told)
    more = [f"{counted(rest, 'more finding')} in the sections below."] if rest else []
    return [*opening, *(finding.text for finding in told), *more]


def opening_of(two: Two, whose: str) -> list[str]:
    """How the tasks or attempts of somebody ended, how long they took, and whether that has changed."""
    finished, completed, noun = _ended(two)
    if not finished.of:
        return [f"No task of {whose} has ended in this time." if whose else "No task has ended in this time."]
    low, high = wilson(finished).scaled(100)
    subject = f"{whose}: " if whose else ""
    said = [
        f"{subject}{finished.hits:,} of {counted(finished.of, noun)} completed "
        f"({amount(100 * finished.hits / finished.of, 'percent')}, 95 % interval {low:.1f} to {high:.1f}); "
        f"{_change(finished, completed)}."
    ]
    return said + _times(two)


def _ended(two: Two) -> tuple[Share, Share, str]:
    kind = "task" if two.now.counts.get("tasks_finished") else "attempt"
    of, hits = ("tasks_finished", "tasks_completed") if kind == "task" else ("attempts_ended", "attempts_completed")
    return _share(two.now.counts, hits, of), _share(two.before.counts, hits, of), kind


def _share(counts: dict[str, int], hits: str, of: str) -> Share:
    return Share(min(counts.get(hits, 0), counts.get(of, 0)), max(0, counts.get(of, 0)))


def _change(now: Share, before: Share) -> str:
    difference = compare_shares(now, before)
    if difference is None:
        return "there is nothing before to compare with"
    was = amount(100 * before.hits / before.of, "percent")
    if min(now.of, before.of) < MINIMUM:
        return f"{was} in the time before, too few to tell a change"
    if difference.p_value > SIGNIFICANT:
        return f"{was} in the time before, no significant change"
    way = "up" if difference.value > 0 else "down"
    return f"{way} from {was} in the time before ({probability(difference.p_value)})"


def _times(two: Two) -> list[str]:
    spread, _ = spread_of(two.now, "execution_ms")
    ranked = Ranked.of(spread)
    median, slow = ranked.quantile(0.5), ranked.quantile(0.95)
    if median is None or slow is None:
        return []
    before, _ = spread_of(two.before, "execution_ms")
    shift = compare_spreads(spread, before)
    change = ""
    if shift is not None and min(spread.count, before.count) >= MINIMUM:
        told = shift.p_value <= SIGNIFICANT and abs(shift.delta) >= SMALL
        change = f", before {duration(shift.other_median)}" + ("" if told else " (no significant change)")
    return [f"Half of the attempts took up to {duration(median)}{change}; 95 % up to {duration(slow)}."]


def _weight(finding: Finding) -> tuple[int, int, float]:
    kind = KINDS.index(finding.kind) if finding.kind in KINDS else len(KINDS)
    return ORDER[finding.severity], kind, -abs(finding.effect or 0.0)
