"""What must hold whatever broke: pure comparisons of the evidence, each of which says what does not fit."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from tests.chaos.evidence import Evidence
from tests.chaos.invariants import ages, processes, questions, reports, tasks

Check = Callable[[Evidence], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be."""

    invariant: str
    what: str


INVARIANTS: Mapping[str, Check] = {
    holds.__name__: holds
    for holds in (
        tasks.assigned_once,
        tasks.ended,
        tasks.ended_as_it_should,
        tasks.told_once,
        tasks.counted_once,
        reports.logged_once,
        reports.logged_from_somewhere,
        reports.logged_in_order,
        tasks.run_once,
        tasks.one_at_a_time,
        tasks.closed_for_a_reason,
        tasks.believed_is_current,
        tasks.cancelled_for_good,
        questions.questions_closed_once,
        questions.answered_once,
        questions.questions_in_time,
        reports.checkpoints_kept,
        reports.projected_once,
        reports.audited_once,
        reports.shown_once,
        processes.nothing_left,
        processes.nothing_refused,
        processes.services_stay,
        processes.outages_told,
        processes.doors_stay_open,
        ages.forgotten,
    )
}
HEAL = frozenset(
    {
        "assigned_once",
        "ended",
        "told_once",
        "counted_once",
        "logged_once",
        "questions_closed_once",
        "answered_once",
        "projected_once",
        "audited_once",
        "shown_once",
        "nothing_left",
        "forgotten",
    }
)
"""Invariants that hold only once everything has arrived; what violates another will do so for ever."""


def check(evidence: Evidence) -> list[Violation]:
    """All that does not hold."""
    return [Violation(name, what) for name, holds in INVARIANTS.items() for what in holds(evidence)]


def may_heal(violations: Collection[Violation]) -> bool:
    """Whether waiting makes a difference."""
    return any(violation.invariant in HEAL for violation in violations)
