"""Bugs: what tests, scanners and checks found, and what was mended."""

from datetime import datetime
from typing import Any

from analytics_query.decisions.folding import quality, security, tests
from analytics_query.decisions.folding.crediting import credited_at, later
from analytics_query.decisions.folding.groups import entities_of
from analytics_query.decisions.folding.quality import severe_issues
from analytics_query.decisions.folding.security import severe_findings
from analytics_query.decisions.folding.tables import Credit, Fold
from analytics_query.decisions.folding.tests import BUG_FIXED, MAX_FAILING
from analytics_query.decisions.ledger import Ledger
from analytics_query.decisions.sampling import population
from analytics_query.domain.documents import AttemptDocument, AttemptKey
from analytics_query.domain.documents.bugs import Bugs
from analytics_query.domain.documents.testing import Testing
from analytics_query.domain.vocabulary import with_evidence
from contracts.events import Evidence

BUG_FIX = "bug_fix"


def bugs_found(document: AttemptDocument, evidence: str) -> int:
    """Different tests that failed, and findings and issues that are at least high."""
    return (
        _failing_tests(document.testing, evidence)
        + severe_findings(document.security, evidence)
        + severe_issues(document.quality, evidence)
    )


def _failing_tests(testing: Testing, evidence: str) -> int:
    ours = sum(test.evidence == evidence for test in testing.failing.values())
    if not ours:
        return 0
    return round(ours * population(testing.failing, MAX_FAILING) / len(testing.failing))


def _milestone(document: AttemptDocument, event: Any) -> None:
    if event.body.milestone_type == BUG_FIXED:
        _fixed(document.bugs, event)


def _code_change(document: AttemptDocument, event: Any) -> None:
    if event.body.change_type == BUG_FIX:
        _fixed(document.bugs, event)


def _fixed(bugs: Bugs, event: Any) -> None:
    evidence = event.evidence.value
    bugs.newest_at = later(bugs.newest_at, event.occurred_at)
    bugs.fixed[evidence] = bugs.fixed.get(evidence, 0) + 1


def _credit(key: AttemptKey, document: AttemptDocument, ledger: Ledger) -> None:
    at = credited_at(document, _newest_at(document))
    if at is None:
        return
    entities = entities_of(key, document)
    for evidence in (level.value for level in Evidence):
        ledger.count(entities, at, with_evidence("bugs_found", evidence), bugs_found(document, evidence))
        ledger.count(entities, at, with_evidence("bugs_fixed", evidence), document.bugs.fixed.get(evidence, 0))


def _newest_at(document: AttemptDocument) -> datetime | None:
    known = (document.bugs, document.testing, document.security, document.quality)
    return max((part.newest_at for part in known if part.newest_at is not None), default=None)


FOLDS: dict[str, Fold] = {"milestone": _milestone, "code_change": _code_change}
CREDITS: tuple[Credit, ...] = (_credit,)
READS = (quality, security, tests)
"""Modules whose parts of a document the credits look at, beside this one's."""
