"""Decisions of an attempt."""

from datetime import datetime
from typing import NamedTuple

from analytics_query.domain.documents.parts import Part


class Choice(NamedTuple):
    """A decision. Texts are kept as their digests."""

    at: datetime
    decision_type: str
    chosen: str
    subject: str
    """What was decided about; empty: not said."""
    rejected: list[str]


class Choices(Part):
    """Counts are exact; types are a bounded sample by digest, and of choices the newest are kept."""

    newest_at: datetime | None = None
    decisions: int = 0
    alternatives: int = 0
    types: dict[str, str] = {}
    made: dict[str, Choice] = {}
    """By place: `seq` and digest of the event's id."""
