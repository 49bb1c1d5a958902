"""What to do with an assignment that arrives: it may be new, known already, or from the past."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from contracts.tasks import Assignment
from worker_agent.domain import AttemptKey, AttemptRecord


class Verdict(StrEnum):
    """Take it, or ignore it."""

    take = "take"
    ignore = "ignore"


@dataclass(frozen=True, slots=True)
class Admission:
    """The verdict, why, and the older attempts of the same task that must end first."""

    verdict: Verdict
    reason: str
    superseded: tuple[AttemptKey, ...] = ()


def admit(assignment: Assignment, worker_id: str, known: Iterable[AttemptRecord]) -> Admission:
    """A newer attempt is taken and ends older ones of its task; anything else that is known is ignored."""
    if assignment.worker_id != worker_id:
        return Admission(Verdict.ignore, f"it is for {assignment.worker_id}")
    same_task = [record for record in known if record.key.task_id == assignment.task_id]
    newest = max((record.key.attempt for record in same_task), default=0)
    if assignment.attempt == newest:
        return Admission(Verdict.ignore, "it is known already")
    if assignment.attempt < newest:
        return Admission(Verdict.ignore, f"attempt {newest} is known already")
    return Admission(Verdict.take, "it is new", tuple(record.key for record in same_task if record.held))
