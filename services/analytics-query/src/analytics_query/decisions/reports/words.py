"""Figures as people read them."""

from collections.abc import Callable

from analytics_query.decisions.time_ranges import ALL, TimeRange
from contracts.analytics import Figure

_TEXT: dict[str, Callable[[float], str]] = {
    "percent": lambda value: f"{_short(value)} %",
    "percentage_points": lambda value: f"{_short(value)} percentage points",
    "mb": lambda value: f"{_short(value)} MB",
    "mb_per_hour": lambda value: f"{_short(value)} MB an hour",
    "usd": lambda value: f"${value:,.2f}" if value >= 0.1 or value == 0 else f"${value:.4f}",
    "per_hour": lambda value: f"{_short(value)} an hour",
    "per_second": lambda value: f"{_short(value)} a second",
    "ms": lambda value: duration(value),
    "hours": lambda value: duration(value * 3_600_000),
    "rating": lambda value: letter(value),
}


def duration(ms: float) -> str:
    """A duration, in the two units that say most."""
    if ms < 1_000:
        return f"{_short(ms)} ms"
    seconds = ms / 1_000
    if seconds < 120:
        return f"{_short(seconds)} s"
    for size, name, small, part in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            whole, rest = divmod(round(seconds / small), size // small)
            return f"{whole} {name} {rest} {part}" if rest else f"{whole} {name}"
    return f"{_short(seconds)} s"


def amount(value: float, unit: str) -> str:
    """A value with its unit."""
    return _TEXT[unit](value) if unit in _TEXT else _short(value)


def letter(rating: float) -> str:
    """A rating as a letter: A for 1, the best."""
    return "ABCDE"[round(rating) - 1]


def told(figure: Figure) -> str:
    """A figure with its unit; a dash for none."""
    return "–" if figure.value is None else amount(figure.value, figure.unit)


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 attempt`, `2,000 attempts`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def probability(p_value: float) -> str:
    """A p-value."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}" if p_value < 0.1 else f"p = {p_value:.2f}"


def listed(names: list[str], most: int = 3) -> str:
    """`a, b and c`; `a, b, c and 4 more`."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "none"


def hours_counted(asked: TimeRange, period: TimeRange) -> list[str]:
    """What to say where more time is counted than was asked for."""
    # `all` is counted from the first event on.
    if asked.name == ALL or (period.since, period.until) == (asked.since, asked.until):
        return []
    ends = " to ".join(f"{end:%Y-%m-%d %H:%M}" for end in (period.since, period.until))
    return [f"Whole hours are counted: {ends} UTC."]


def entity_name(entity_id: str) -> str:
    """An entity of several parts for people."""
    return entity_id.replace("\x1f", " / ")


def _short(value: float) -> str:
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 0.1:
        return f"{value:.{1 if size >= 10 else 2}f}".rstrip("0").rstrip(".")
    return f"{value:.2g}"
