"""What scanners found during an attempt, and what the project depends on."""

from datetime import datetime
from typing import NamedTuple

from analytics_query.domain.documents.parts import Part


class Scan(NamedTuple):
    """The newest scan of one scanner."""

    seq: int
    evidence: str
    found: tuple[int, ...]
    """By severity, worst first: critical, high, medium, low, info."""
    severe: int
    """The most findings that it ever had of high or critical severity."""


class Dependencies(NamedTuple):
    """The newest analysis of one ecosystem."""

    seq: int
    evidence: str
    total: int
    outdated: int
    vulnerable: int


class Security(Part):
    """Scanners and ecosystems by the digest of name and evidence: a bounded sample."""

    newest_at: datetime | None = None
    scans: dict[str, Scan] = {}
    scanned: dict[str, int] = {}
    """By evidence: how many scans."""
    dependencies: dict[str, Dependencies] = {}
    declared: dict[str, Dependencies] = {}
    """By evidence: the newest set of analytics about dependencies, for want of an analysis."""
