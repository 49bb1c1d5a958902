"""Closing attempts: what all ways of ending one have in common."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from contracts.tasks import AttemptState, FailureClass, TaskState
from orchestrator.decisions.outcomes import fate_of
from orchestrator.decisions.retries import RetryPolicy
from orchestrator.domain import AttemptRef, Closed, Fate
from orchestrator.handlers.counting import ATTEMPTS_CLOSED, TASKS_ENDED, TASKS_QUARANTINED, WORKER_CRASHES
from orchestrator.handlers.telling import about_completion, about_fate, about_quarantine
from orchestrator.ports import Closing, Session, WorkerTally
from servicekit.logs import get_logger

NOT_THE_WORKERS_DOING = frozenset({AttemptState.cancelled, AttemptState.refused})

log = get_logger(__name__)


async def close_attempts(
    session: Session, closings: Sequence[Closing], policy: RetryPolicy, now: datetime, actor: str = "system"
) -> dict[AttemptRef, Fate]:
    """Close what is still live, settle the tasks, count, and say so. What was not live any more is left out."""
    endings = {closing.ref: closing.ending for closing in closings}
    closed = await session.close(closings, now)
    if not closed:
        return {}
    fates = [fate_of(one, endings[one.ref], policy, now=now, jitter=random.random()) for one in closed]
    await session.settle(fates, now)
    states = [endings[one.ref].state for one in closed]
    session.emit(about_fate(*told, now, actor) for told in zip(closed, states, fates, strict=True))
    quarantined = [pair for pair in zip(closed, fates, strict=True) if pair[1].failure_class is FailureClass.poison]
    session.emit(about_quarantine(one, fate, now, actor) for one, fate in quarantined)
    tallies = _tallies(closed, states, fates)
    if tallies:
        await session.count_ended(tallies, now)
    _count(states, fates)
    _count_crashes([endings[one.ref].crashes for one in closed], quarantined)
    return {fate.ref: fate for fate in fates}


async def complete_attempts(session: Session, closings: Sequence[Closing], now: datetime) -> set[AttemptRef]:
    """The same for attempts that completed: their tasks' fate needs no thought, so all of it is one statement."""
    told = [about_completion(closing, now).json for closing in closings]
    completed = await session.complete(closings, told, now)
    ATTEMPTS_CLOSED.labels(AttemptState.completed.value).inc(len(completed))
    TASKS_ENDED.labels(TaskState.completed.value).inc(len(completed))
    return completed


def _count(states: Iterable[AttemptState], fates: Iterable[Fate]) -> None:
    for state, many in Counter(states).items():
        ATTEMPTS_CLOSED.labels(state.value).inc(many)
    for status, many in Counter(fate.status for fate in fates).items():
        if status is not TaskState.queued:
            TASKS_ENDED.labels(status.value).inc(many)


def _count_crashes(crashes: Iterable[int], quarantined: Sequence[tuple[Closed, Fate]]) -> None:
    WORKER_CRASHES.inc(sum(crashes))
    TASKS_QUARANTINED.inc(len(quarantined))
    for closed, fate in quarantined:
        log.error("task quarantined", task_id=fate.ref.task_id, worker_id=closed.worker_id, crashes=fate.crashes)


def _tallies(closed: Sequence[Closed], states: Sequence[AttemptState], fates: Sequence[Fate]) -> list[WorkerTally]:
    """Only what a worker did itself counts for or against it; a cancellation and a refusal do not."""
    sums: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0, 0, 0.0])
    for one, state, fate in zip(closed, states, fates, strict=True):
        if state in NOT_THE_WORKERS_DOING:
            continue
        total = sums[(one.worker_id, one.work_key)]
        if state is AttemptState.completed:
            total[0] += 1
            total[2] += fate.execution_time_ms or 0
        else:
            total[1] += 1
    return [
        WorkerTally(worker_id, work_key, int(completed), int(failed), total_ms)
        for (worker_id, work_key), (completed, failed, total_ms) in sorted(sums.items())
    ]
