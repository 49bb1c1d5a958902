"""What scanners found, and what the project depends on."""

from typing import Any

from analytics_query.decisions.folding.crediting import NewestValues, credited_at, later
from analytics_query.decisions.folding.groups import entities_of
from analytics_query.decisions.folding.tables import Credit, Fold
from analytics_query.decisions.ledger import Ledger
from analytics_query.decisions.numbers import whole
from analytics_query.decisions.sampling import admitted, digest, newer
from analytics_query.domain.documents import AttemptDocument, AttemptKey
from analytics_query.domain.documents.security import Dependencies, Scan, Security
from analytics_query.domain.vocabulary import with_evidence
from contracts.events import Evidence
from contracts.events.code import FindingSeverity
from contracts.events.reporting import AnalyticsType

MAX_SCANNERS = 32
MAX_ECOSYSTEMS = 32
SEVERITIES = tuple(FindingSeverity)
"""Worst first."""


def findings(security: Security, evidence: str) -> tuple[int, ...] | None:
    """By severity, worst first: the newest scan of each scanner, added up; None if nothing was scanned."""
    scans = [scan.found for scan in security.scans.get(evidence, {}).values()]
    return tuple(map(sum, zip(*scans, strict=True))) if scans else None


def severe_findings(security: Security, evidence: str) -> int:
    """Findings of high or critical severity: of each scanner the most that one scan told."""
    return sum(scan.severe for scan in security.scans.get(evidence, {}).values())


def dependencies(security: Security, evidence: str) -> tuple[int, int, int] | None:
    """All, outdated and vulnerable ones: the newest analysis of each ecosystem, added up; None if there was none."""
    known = list(security.dependencies.get(evidence, {}).values())
    if not known and evidence in security.declared:
        known = [security.declared[evidence]]
    if not known:
        return None
    return sum(one.total for one in known), sum(one.outdated for one in known), sum(one.vulnerable for one in known)


def _scan(document: AttemptDocument, event: Any) -> None:
    counts = dict.fromkeys(SEVERITIES, 0)
    for finding in event.body.findings:
        counts[finding.severity] += 1
    _take_scan(document.security, event, event.body.scanner, tuple(counts.values()))


def _take_scan(security: Security, event: Any, scanner: str, found: tuple[int, ...]) -> None:
    evidence = event.evidence.value
    security.newest_at = later(security.newest_at, event.occurred_at)
    security.scanned[evidence] = security.scanned.get(evidence, 0) + 1
    scans, name = security.scans.setdefault(evidence, {}), digest(scanner.lower())
    if admitted(scans, name, MAX_SCANNERS):
        told = Scan(event.seq, found, found[0] + found[1])
        known = scans.get(name)
        newest = newer(known, told)
        scans[name] = newest._replace(severe=max(newest.severe, told.severe, known.severe if known else 0))


def _dependencies(document: AttemptDocument, event: Any) -> None:
    security, body = document.security, event.body
    security.newest_at = later(security.newest_at, event.occurred_at)
    name = digest(body.ecosystem.lower(), body.manifest or "")
    known = security.dependencies.setdefault(event.evidence.value, {})
    if admitted(known, name, MAX_ECOSYSTEMS):
        known[name] = newer(known.get(name), Dependencies(event.seq, *_counts_of(body)))


def _counts_of(body: Any) -> tuple[int, int, int]:
    listed = body.dependencies
    outdated = sum(bool(one.version and one.latest_version and one.version != one.latest_version) for one in listed)
    vulnerable = sum(bool(one.vulnerabilities) for one in listed)
    return (
        len(listed) if body.total is None else body.total,
        outdated if body.outdated is None else body.outdated,
        vulnerable if body.vulnerable is None else body.vulnerable,
    )


def _analytics(document: AttemptDocument, event: Any) -> None:
    data = event.body.data
    if event.body.analytics_type is AnalyticsType.security and any(level.value in data for level in SEVERITIES):
        found = tuple(whole(data, level.value) for level in SEVERITIES)
        _take_scan(document.security, event, str(data.get("tool") or data.get("scanner") or "-"), found)
    elif event.body.analytics_type is AnalyticsType.dependency:
        _declared(document.security, event)


def _declared(security: Security, event: Any) -> None:
    data, evidence = event.body.data, event.evidence.value
    security.newest_at = later(security.newest_at, event.occurred_at)
    counts = (whole(data, "total", "declared"), whole(data, "outdated"), whole(data, "vulnerable"))
    told = Dependencies(event.seq, *counts)
    security.declared[evidence] = newer(security.declared.get(evidence), told)


def _credit(key: AttemptKey, document: AttemptDocument, ledger: Ledger) -> None:
    security = document.security
    at = credited_at(document, security.newest_at)
    if at is None:
        return
    entities = entities_of(key, document)
    newest_values = NewestValues(key, document, entities)
    for evidence in (level.value for level in Evidence):
        ledger.count(entities, at, with_evidence("security_scans", evidence), security.scanned.get(evidence, 0))
        for severity, count in zip(SEVERITIES, findings(security, evidence) or (), strict=False):
            newest_values.enter(ledger, with_evidence(f"findings:{severity.value}", evidence), float(count))
        for metric, count in zip(
            ("dependencies", "outdated", "vulnerable"), dependencies(security, evidence) or (), strict=False
        ):
            newest_values.enter(ledger, with_evidence(metric, evidence), float(count))


FOLDS: dict[str, Fold] = {
    "security_scan": _scan,
    "dependency_analysis": _dependencies,
    "analytics": _analytics,
}
CREDITS: tuple[Credit, ...] = (_credit,)
