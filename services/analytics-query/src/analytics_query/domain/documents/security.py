"""What scanners found during an attempt, and what the project depends on."""

from datetime import datetime
from typing import NamedTuple

from analytics_query.domain.documents.parts import Part


class Scan(NamedTuple):
    """The newest scan of one scanner."""

    seq: int
    found: tuple[int, ...]
    """By severity, worst first: critical, high, medium, low, info."""
    severe: int
    """The most findings that it ever had of high or critical severity."""


class Dependencies(NamedTuple):
    """The newest analysis of one ecosystem."""

    seq: int
    total: int
    outdated: int
    vulnerable: int


class Security(Part):
    """By evidence; scanners and ecosystems by the digest of their names: bounded samples."""

    newest_at: datetime | None = None
    scans: dict[str, dict[str, Scan]] = {}
    scanned: dict[str, int] = {}
    """How many scans."""
    dependencies: dict[str, dict[str, Dependencies]] = {}
    declared: dict[str, Dependencies] = {}
    """The newest set of analytics about dependencies, for want of an analysis."""
