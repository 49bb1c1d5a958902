"""Calls of tools, hotspots and benchmarks of an attempt."""

from datetime import datetime
from typing import NamedTuple

from analytics_query.domain.documents.parts import Part


class Call(NamedTuple):
    """A call whose end did not tell how long it took."""

    tool: str = ""
    """Empty: its end is not known."""
    started_ms: int | None = None
    ended_ms: int | None = None


class Hot(NamedTuple):
    """A function that profiles show; the figures are those of the newest profile."""

    seq: int
    share_percent: float | None
    self_time_ms: float | None
    function: str
    seen: int
    """In how many profiles."""


class Measured(NamedTuple):
    """The newest value of a benchmark."""

    seq: int
    at: datetime
    value: float
    baseline: float | None
    lower_is_better: bool
    name: str
    unit: str
    evidence: str


class Operations(Part):
    """All by digest, bounded."""

    calls: dict[str, Call] = {}
    profiled_at: datetime | None = None
    hotspots: dict[str, Hot] = {}
    benchmarks: dict[str, Measured] = {}
