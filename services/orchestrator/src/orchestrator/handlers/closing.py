"""Closing attempts: what all ways of ending one have in common."""

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from contracts.tasks import AttemptState, TaskState
from orchestrator.decisions.outcomes import fate_of
from orchestrator.decisions.retries import RetryPolicy
from orchestrator.domain import AttemptRef, Closed, Fate
from orchestrator.handlers.counting import ATTEMPTS_CLOSED, TASKS_ENDED
from orchestrator.handlers.telling import about_fate
from orchestrator.ports import Closing, Session, WorkerTally


async def close_attempts(
    session: Session, closings: Sequence[Closing], policy: RetryPolicy, now: datetime, actor: str = "system"
) -> dict[AttemptRef, Fate]:
    """Close what is still live, settle the tasks, count, and say so. What was not live any more is left out."""
    endings = {closing.ref: closing.ending for closing in closings}
    closed = await session.close(closings, now)
    if not closed:
        return {}
    fates = [fate_of(one, endings[one.ref], policy, now=now, jitter=random.random()) for one in closed]
    await session.settle(fates)
    session.emit(about_fate(one, fate, now, actor) for one, fate in zip(closed, fates, strict=True))
    tallies = _tallies(closed, {ref: ending.state for ref, ending in endings.items()}, fates)
    if tallies:
        await session.count_ended(tallies, now)
    for one, fate in zip(closed, fates, strict=True):
        ATTEMPTS_CLOSED.labels(endings[one.ref].state.value).inc()
        if fate.status is not TaskState.queued:
            TASKS_ENDED.labels(fate.status.value).inc()
    return {fate.ref: fate for fate in fates}


def _tallies(
    closed: Sequence[Closed], states: dict[AttemptRef, AttemptState], fates: Sequence[Fate]
) -> list[WorkerTally]:
    """Only what a worker did itself counts for or against it; a cancellation and a refusal do not."""
    sums: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0, 0, 0.0])
    for one, fate in zip(closed, fates, strict=True):
        state = states[one.ref]
        if state in {AttemptState.cancelled, AttemptState.refused}:
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
