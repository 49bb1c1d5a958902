"""What reports are made of: figures, series, rows, findings and sections."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.base import Count, Level, Model, Name, OptionalText, Text, UtcTime
from contracts.events import Evidence

Number = Annotated[float, Field(allow_inf_nan=False)]

Direction = Literal["higher", "lower"]
"""Which way a figure gets better."""


class Figure(Model):
    """One figure. `value` None: there is nothing to compute it from."""

    name: Name
    """A stable key, such as `execution_time_p95`."""
    value: Number | None = None
    unit: Name
    """ms, percent, count, per_hour, per_second, mb, mb_per_hour, usd, tokens, score, …"""
    samples: Count = 0
    """How many observations it rests on."""
    low: Number | None = None
    """Lower end of the 95 % confidence interval."""
    high: Number | None = None
    evidence: Evidence | None = None
    """The weakest evidence among what it rests on; None: the platform's own books."""
    better: Direction | None = None
    baseline: Number | None = None
    """What it is compared with: the same figure of the time before, of the same length."""
    note: OptionalText | None = None


class Point(Model):
    """A value of a series."""

    at: UtcTime
    """Beginning of the stretch of time."""
    value: Number
    samples: Count = 0


class Series(Model):
    """A figure over time, oldest first."""

    name: Name
    unit: Name
    resolution: Name
    """minute, hour or day."""
    points: list[Point] = []
    evidence: Evidence | None = None


class Row(Model):
    """One entity among others, with its figures."""

    entity_type: Name
    entity_id: Name
    rank: Count | None = None
    figures: list[Figure] = []


class Finding(Model):
    """Something worth knowing, said in words, with what it rests on."""

    kind: Name
    """bottleneck, regression, improvement, memory_leak, cpu_spike, quota, flaky_test, disagreement, difference, …"""
    severity: Level = Level.medium
    text: Text
    entity_type: Name | None = None
    entity_id: OptionalText | None = None
    metric: Name | None = None
    effect: Number | None = None
    """Size of the effect, in the measure that `effect_measure` names."""
    effect_measure: Name | None = None
    """cliffs_delta (-1 to 1), percentage_points, mads, mb_per_hour, …"""
    p_value: Annotated[float, Field(ge=0, le=1)] | None = None
    samples: Count = 0
    evidence: Evidence | None = None


class Section(Model):
    """A part of a report."""

    name: Name
    title: Name
    figures: list[Figure] = []
    series: list[Series] = []
    rows: list[Row] = []
    findings: list[Finding] = []
    notes: list[Text] = []


class Standing(Model):
    """Of which state of the projections an answer speaks."""

    position: Count = 0
    """Counts the transactions of the projection; the same position gives the same answer."""
    computed_at: UtcTime
    cached: bool = False
