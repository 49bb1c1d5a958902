"""Figures in text: value with its unit, interval, change, and how far it is checked."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise

from contracts.analytics import Figure, Finding, Point, Series
from contracts.events import Evidence
from mcp_gateway.mcp.text.charts import bar, sparkline
from mcp_gateway.mcp.text.layout import cell, duration, filled, lines_below, number

NO_VALUE = "no data"
PLATFORM = "platform"
MEANINGS: Mapping[str, str] = {
    "reported": "an agent said so",
    "observed": "the worker saw it",
    "verified": "the platform ran it itself",
    PLATFORM: "the platform's own books",
}
MOST_SLOTS = 10_000
RATINGS = "ABCDE"
"""Best first: a rating is 1 for A."""

_HEADER = ("FIGURE", "VALUE", "", "INTERVAL", "SAMPLES", "CHANGE", "EVIDENCE")
_SERIES = ("TREND", "", "FIRST → LAST", "LOWEST–HIGHEST", "POINTS", "EVIDENCE")
_STEPS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
# Smaller changes than this share are told as none.
_UNCHANGED = 0.0005
_EFFECTS = {
    "cliffs_delta": "Cliff's delta {}",
    "mads": "{} MADs",
    "percentage_points": "{} percentage points",
    "percentile": "percentile {}",
}


def figure_table(figures: Sequence[Figure]) -> str:
    """A line for each figure; columns in which none has anything are left out."""
    return filled(_HEADER, [_row(figure) for figure in figures], right={"VALUE", "SAMPLES"})


def series_table(series: Sequence[Series]) -> str:
    """A line for each series that has points."""
    return filled(_SERIES, [_series_row(one) for one in series if one.points], right={"POINTS"})


def quantity(value: float | None, unit: str) -> str:
    """A value in the unit that a person would choose."""
    if value is None:
        return NO_VALUE
    written = _UNITS.get(unit)
    return written(value) if written else f"{plain(value)} {unit.replace('_per_', '/').replace('_', ' ')}"


def plain(value: float) -> str:
    """A number with as many digits as say something: 12,345, 123, 12.3, 1.23, 0.0012."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if 0 < size < 0.01:
        return f"{value:.2g}"
    return f"{value:.{1 if size >= 10 else 2}f}".rstrip("0").rstrip(".")


def interval(figure: Figure) -> str:
    """`(95 %: 71–88)`; nothing for a figure without one."""
    if figure.low is None or figure.high is None:
        return ""
    ends = [_bare(end, figure.unit) for end in (figure.low, figure.high)]
    return f"(95 %: {'–'.join(ends)})"


def change(figure: Figure) -> str:
    """`▲ 12 % worse (was 4 min 12 s)`, beside the baseline; nothing without one."""
    if figure.value is None or figure.baseline is None:
        return ""
    difference = figure.value - figure.baseline
    was = f"(was {quantity(figure.baseline, figure.unit)})"
    if abs(difference) <= _UNCHANGED * max(abs(figure.baseline), abs(figure.value)):
        return "unchanged"
    size = _size(difference, figure)
    verdict = (
        "" if figure.better is None else " better" if (difference > 0) is (figure.better == "higher") else " worse"
    )
    return f"{'▲' if difference > 0 else '▼'}{size}{verdict} {was}"


def level(evidence: Evidence | None) -> str:
    """How far it is checked."""
    return PLATFORM if evidence is None else evidence.value


def column(head: str, figures: Sequence[Figure | None]) -> tuple[str, list[str]]:
    """A column of the same figure of several entities; its level of evidence stands in the head if it is one."""
    levels = {level(figure.evidence) for figure in figures if figure and figure.value is not None}
    if len(levels) == 1:
        return f"{head} ({levels.pop()})", [_value(figure) for figure in figures]
    return head, [_value(figure, with_level=True) for figure in figures]


def _value(figure: Figure | None, *, with_level: bool = False) -> str:
    if figure is None:
        return "-"
    checked = f"[{level(figure.evidence)}]" if with_level and figure.value is not None else ""
    return " ".join(part for part in (quantity(figure.value, figure.unit), interval(figure), checked) if part)


def named(name: str) -> str:
    """A key as words."""
    return cell(name.replace("_", " "))


def legend(levels: Iterable[str]) -> str:
    """What the levels of evidence that were shown mean, on one line."""
    shown = set(levels)
    meanings = [f"{one} = {meaning}" for one, meaning in MEANINGS.items() if one in shown]
    return f"Evidence: {'; '.join(meanings)}." if meanings else ""


def finding_line(finding: Finding) -> str:
    """What was found, and what it rests on."""
    grounds: list[str] = []
    if finding.effect is not None:
        measure = finding.effect_measure or "value"
        form = _EFFECTS.get(measure)
        grounds.append(form.format(plain(finding.effect)) if form else f"effect {quantity(finding.effect, measure)}")
    if finding.p_value is not None:
        grounds.append("p < 0.001" if finding.p_value < 0.001 else f"p = {finding.p_value:.2g}")
    if finding.samples:
        grounds.append(f"n = {finding.samples:,}")
    if finding.evidence is not None:
        grounds.append(finding.evidence.value)
    resting_on = f" ({', '.join(grounds)})" if grounds else ""
    return f"- {finding.severity}: {lines_below(finding.text, '    ')}{resting_on}"


def trend(points: Sequence[Point], resolution: str = "") -> str:
    """A sparkline in which a stretch of time without a point is a gap."""
    steps = [later.at - earlier.at for earlier, later in pairwise(points)]
    return sparkline(_slots(points, _STEPS.get(resolution) or min(steps, default=None)))


def _row(figure: Figure) -> tuple[str, ...]:
    share = figure.value / 100 if figure.unit == "percent" and figure.value is not None else None
    return (
        named(figure.name),
        quantity(figure.value, figure.unit),
        "" if share is None else bar(share),
        interval(figure),
        f"{figure.samples:,}" if figure.samples else "",
        change(figure),
        "-" if figure.value is None else level(figure.evidence),
    )


def _series_row(series: Series) -> tuple[str, ...]:
    values = [point.value for point in series.points]
    return (
        named(series.name),
        trend(series.points, series.resolution),
        f"{quantity(values[0], series.unit)} → {quantity(values[-1], series.unit)}",
        f"{_bare(min(values), series.unit)}–{quantity(max(values), series.unit)}",
        f"{len(values)} by {cell(series.resolution)}",
        level(series.evidence),
    )


def _slots(points: Sequence[Point], step: timedelta | None) -> list[float | None]:
    last = int((points[-1].at - points[0].at) / step) if points and step else 0
    if step is None or not 0 < last < MOST_SLOTS:
        return [point.value for point in points]
    slots: list[float | None] = [None] * (last + 1)
    for point in points:
        slots[min(max(int((point.at - points[0].at) / step), 0), last)] = point.value
    return slots


def _size(difference: float, figure: Figure) -> str:
    if figure.unit == "percent":
        return f" {plain(abs(difference))} points"
    if not figure.baseline:
        return ""
    return f" {plain(abs(difference / figure.baseline) * 100)} %"


def _bare(value: float, unit: str) -> str:
    return number(value) if unit == "percent" else plain(value) if unit in _SAID_ONCE else quantity(value, unit)


def _megabytes(value: float) -> str:
    return f"{plain(value / 1024)} GB" if abs(value) >= 1024 else f"{plain(value)} MB"


def _dollars(value: float) -> str:
    sign = "-" if value < 0 else ""
    return f"{sign}${abs(value):,.2f}" if abs(value) >= 1 else f"{sign}${abs(value):.4f}"


def _tokens(value: float) -> str:
    if abs(value) >= 1_000_000:
        return f"{plain(value / 1_000_000)} M tokens"
    return f"{plain(value / 1_000)} k tokens" if abs(value) >= 10_000 else f"{plain(value)} tokens"


_UNITS: Mapping[str, Callable[[float], str]] = {
    "ms": duration,
    "percent": lambda value: f"{number(value)} %",
    "count": plain,
    "score": plain,
    "ratio": plain,
    "rating": lambda value: RATINGS[min(max(round(value), 1), len(RATINGS)) - 1],
    "per_second": lambda value: f"{plain(value)}/s",
    "per_minute": lambda value: f"{plain(value)}/min",
    "per_hour": lambda value: f"{plain(value)}/h",
    "per_day": lambda value: f"{plain(value)}/d",
    "mb": _megabytes,
    "mb_per_hour": lambda value: f"{plain(value)} MB/h",
    "mb_per_second": lambda value: f"{plain(value)} MB/s",
    "usd": _dollars,
    "tokens": _tokens,
}
# Their unit stands with the value already, or they have none.
_SAID_ONCE = frozenset({"count", "score", "ratio", "per_second", "per_minute", "per_hour", "per_day", "mb_per_hour"})
