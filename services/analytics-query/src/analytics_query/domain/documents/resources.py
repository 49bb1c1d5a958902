"""Samples of what an attempt used."""

from typing import NamedTuple

from analytics_query.domain.documents.parts import Part


class Series(NamedTuple):
    """A bounded sample of one series; how many there were and the largest are of all of them."""

    seen: int
    peak: float
    sample: dict[str, tuple[int, float]]
    """By digest of the event's id: when (ms since 1970), and the value."""


class Resources(Part):
    """By metric and evidence: `memory_used_mb@observed`."""

    series: dict[str, Series] = {}
