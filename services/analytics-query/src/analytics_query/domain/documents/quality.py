"""What reports say of the quality of the code."""

from datetime import datetime
from typing import NamedTuple

from analytics_query.domain.documents.parts import Part, Value


class Issues(NamedTuple):
    """Issues by the newest report of a file."""

    seq: int
    count: int
    severe: int
    """The most that were ever reported as high or critical."""


class FileQuality(NamedTuple):
    """The newest report of one file."""

    seq: int
    figures: tuple[float, ...]
    """In the order of the fold's `FIGURES`; -1: not measured."""
    issues: int
    severe: int
    """The most issues that were ever reported as high or critical."""


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
