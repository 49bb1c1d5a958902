"""What reports say of the quality of the code."""

from datetime import datetime
from typing import NamedTuple

from analytics_query.domain.documents.parts import Part, Value


class Issues(NamedTuple):
    """Issues by the newest report of a file."""

    seq: int
    found: int
    severe: int
    """The most that were ever reported as high or critical."""


class Figure(NamedTuple):
    """The newest value of one figure of a file."""

    seq: int
    value: float


class FileQuality(NamedTuple):
    """What is known of one file."""

    figures: tuple[Figure | None, ...]
    """In the order of the fold's `FIGURES`; None: never measured."""
    issues: Issues


class Quality(Part):
    """The whole project and single files are kept apart, each by evidence."""

    newest_at: datetime | None = None
    whole: dict[str, Value] = {}
    """By figure and evidence, as reports of the whole project tell it: `cyclomatic@reported`."""
    whole_issues: dict[str, Issues] = {}
    """By evidence."""
    files: dict[str, dict[str, FileQuality]] = {}
    """By evidence and digest of the path: a bounded sample."""
    issues: dict[str, int] = {}
    """By level and evidence: all that were ever reported, also again."""
