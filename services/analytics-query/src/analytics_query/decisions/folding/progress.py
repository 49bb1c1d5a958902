"""Where the work stands: the newest report, the time each phase takes, and how soon the agent speaks."""

from collections import defaultdict
from datetime import datetime
from typing import Any

from analytics_query.decisions.folding.bounded import is_newer, keep_sample, told
from analytics_query.decisions.folding.groups import class_of, entities_of
from analytics_query.decisions.folding.lifecycle import execution_ms, milliseconds
from analytics_query.decisions.folding.tables import Credit, Fold
from analytics_query.decisions.ledger import Ledger
from analytics_query.domain.documents import AttemptDocument, AttemptKey, Point, Progress
from analytics_query.domain.vocabulary import Dimension, joined
from contracts.events import EVENT_TYPES, Evidence

MOST_POINTS = 500
# Others are many, and come from the agent's output; or they are the platform's own.
REPORTS = EVENT_TYPES.keys() - {"stream", "tool_call", "token_usage", "outcome", "registered", "grant", "session_end"}
ITEMS = ("files_analyzed", "files_modified", "tests_run")


def _reported(document: AttemptDocument, event: Any) -> None:
    if event.evidence is Evidence.reported:
        known = document.progress.first_report_at
        document.progress.first_report_at = min(known or event.occurred_at, event.occurred_at)


def _progressed(document: AttemptDocument, event: Any) -> None:
    progress = document.progress
    _reported(document, event)
    if is_newer(progress.latest, event):
        progress.latest = told(event)
    phase = event.body.phase or event.body.status
    point = Point(seq=event.seq, event_id=event.event_id, at=event.occurred_at, phase=phase)
    keep_sample(progress.points, point, MOST_POINTS)


def _credit_response(key: AttemptKey, document: AttemptDocument, ledger: Ledger) -> None:
    reported_at, assigned_at = document.progress.first_report_at, document.lifecycle.assigned_at
    if reported_at is not None and assigned_at is not None:
        responded_ms = max(milliseconds(assigned_at, reported_at), 0.0)
        ledger.spread(entities_of(key, document), reported_at, "response_ms", responded_ms)


def _credit_phases(_key: AttemptKey, document: AttemptDocument, ledger: Ledger) -> None:
    about = document.lifecycle.about
    if about is None:
        return
    for phase, (began_at, lasted_ms) in phases(document.progress, document.lifecycle.ended_at).items():
        entity = (Dimension.phase, joined(*class_of(about), phase))
        ledger.count([entity], began_at, "phases")
        ledger.spread([entity], began_at, "phase_ms", lasted_ms)


def _credit_items(key: AttemptKey, document: AttemptDocument, ledger: Ledger) -> None:
    ended_at, lasted_ms = document.lifecycle.ended_at, execution_ms(document.lifecycle)
    items = items_of(document.progress)
    if ended_at is None or not items:
        return
    entities = entities_of(key, document)
    ledger.count(entities, ended_at, "items", items)
    if lasted_ms:
        ledger.spread(entities, ended_at, "items_per_s", items * 1000 / lasted_ms)


def phases(progress: Progress, ended_at: datetime | None) -> dict[str, tuple[datetime, float]]:
    """When each phase was first reported, and how long (ms) it took in all; the last one lasts until the end."""
    began: dict[str, datetime] = {}
    lasted: defaultdict[str, float] = defaultdict(float)
    for point, after in zip(progress.points, [*progress.points[1:], None], strict=False):
        until = after.at if after is not None else ended_at
        if until is not None:
            began.setdefault(point.phase, point.at)
            lasted[point.phase] += max(milliseconds(point.at, until), 0.0)
    return {phase: (at, lasted[phase]) for phase, at in began.items()}


def items_of(progress: Progress) -> int:
    """How many items the newest report says were processed."""
    metrics: dict[str, Any] = progress.latest.data.get("metrics", {}) if progress.latest else {}
    return max((metrics.get(name) or 0 for name in ITEMS), default=0)


FOLDS: dict[str, Fold] = dict.fromkeys(REPORTS, _reported) | {"progress": _progressed}
CREDITS: tuple[Credit, ...] = (_credit_response, _credit_phases, _credit_items)
