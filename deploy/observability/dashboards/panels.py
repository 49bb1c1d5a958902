"""What a dashboard shows, as data.

In an expression `{@…}` stands for the selection of the dashboard's variables.
"""

from dataclasses import dataclass
from typing import NamedTuple


class Query(NamedTuple):
    """PromQL, and how its series are called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel. `width` is of 24; `kind`: timeseries, stat or table."""

    title: str
    unit: str
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    width: int = 8
    about: str = ""
    stacked: bool = False
    most: float | None = None
    """The top of the scale, where there is one."""


class Row(NamedTuple):
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


class Dashboard(NamedTuple):
    """A dashboard; `worker`: whether it is about one worker that is chosen."""

    uid: str
    title: str
    about: str
    rows: tuple[Row, ...]
    worker: bool = False


def over_time(title: str, unit: str, *queries: Query, width: int = 8, about: str = "", stacked: bool = False) -> Panel:
    """Lines over time."""
    return Panel(title, unit, queries, width=width, about=about, stacked=stacked)


def number(title: str, unit: str, expr: str, *, width: int = 4, about: str = "") -> Panel:
    """One number as it is now."""
    return Panel(title, unit, (Query(expr),), "stat", width, about)


def table(title: str, unit: str, expr: str, *, width: int = 12, about: str = "") -> Panel:
    """A row for each series as it is now."""
    return Panel(title, unit, (Query(expr),), "table", width, about)
