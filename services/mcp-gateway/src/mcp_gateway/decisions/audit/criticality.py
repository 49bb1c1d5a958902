"""Which decisions of services belong in the audit log, and as what."""

from collections.abc import Mapping

from contracts.audit import AuditOutcome
from contracts.decided import DecidedKind

OK, REFUSED, FAILED = AuditOutcome.ok, AuditOutcome.refused, AuditOutcome.failed

DECIDED: Mapping[DecidedKind, AuditOutcome | None] = {
    DecidedKind.task_queued: OK,
    DecidedKind.task_assigned: OK,
    # Steps of work that was decided before: the event log has them.
    DecidedKind.task_running: None,
    DecidedKind.task_waiting: None,
    DecidedKind.task_paused: OK,
    DecidedKind.task_requeued: OK,
    DecidedKind.task_completed: OK,
    DecidedKind.task_failed: FAILED,
    DecidedKind.task_quarantined: FAILED,
    DecidedKind.task_cancelled: OK,
    DecidedKind.task_timed_out: FAILED,
    DecidedKind.task_stale_report: REFUSED,
    DecidedKind.task_refused: REFUSED,
    DecidedKind.worker_registered: OK,
    DecidedKind.worker_online: None,
    DecidedKind.worker_offline: FAILED,
    DecidedKind.worker_commanded: OK,
    DecidedKind.worker_ended: OK,
    DecidedKind.worker_scaled: OK,
    # A measurement.
    DecidedKind.worker_sampled: None,
    # Asking decides nothing; what is answered does.
    DecidedKind.question_asked: None,
    DecidedKind.question_approved: OK,
    DecidedKind.question_answered: OK,
    DecidedKind.question_expired: FAILED,
    DecidedKind.question_withdrawn: OK,
}
"""None: it is not critical."""


def outcome_of(kind: DecidedKind) -> AuditOutcome | None:
    """As what a decision is kept; None for one that is not. A kind that nobody has thought of yet is kept."""
    return DECIDED.get(kind, OK)
