"""What a worker would be given next, as things stand."""

from collections.abc import Sequence
from typing import NamedTuple

from contracts.workers import WorkerStatus
from orchestrator.decisions.matching import can_take, fits
from orchestrator.decisions.placement import misfit
from orchestrator.domain import Line, Worker


class Outlook(NamedTuple):
    """The task, if there is one, and why there is none or what it waits for."""

    task_id: str | None
    queued: int
    queued_for_worker: int
    reason: str | None


def outlook(worker_id: str, worker: Worker | None, lines: Sequence[Line], used: int) -> Outlook:
    """The first due task that the worker has room for, or else that fits it; `used`: live attempts it has."""
    queued = sum(line.waiting for line in lines)
    fitting = [line for line in lines if worker is not None and fits(line.demand, worker)]
    for_worker = sum(line.waiting for line in fitting)
    reason = _obstacle(worker_id, worker, lines, fitting)
    if worker is None or reason is not None:
        return Outlook(None, queued, for_worker, reason)
    first = _first_due([line for line in fitting if can_take(line.demand, worker, used)])
    waits = None if first else f"it waits for a free slot: worker {worker_id} has none"
    return Outlook(first or _first_due(fitting), queued, for_worker, waits)


def _first_due(lines: Sequence[Line]) -> str | None:
    due = [(line.rank_at, line.task_id) for line in lines if line.rank_at and line.task_id]
    return min(due)[1] if due else None


def _obstacle(worker_id: str, worker: Worker | None, lines: Sequence[Line], fitting: Sequence[Line]) -> str | None:
    if worker is None:
        return f"no worker {worker_id} is known"
    if worker.status is not WorkerStatus.online:
        return f"worker {worker_id} is {worker.status.value}"
    if not lines:
        return "nothing is queued"
    if not fitting:
        return f"no queued task fits: {_first_misfit(worker, lines)}"
    if all(line.task_id is None for line in fitting):
        return "what is queued for it waits for the time of its next attempt"
    return None


def _first_misfit(worker: Worker, lines: Sequence[Line]) -> str:
    """Of the line whose turn is first."""
    first = min(lines, key=lambda line: (line.rank_at is None, line.rank_at, line.task_id))
    return misfit(first.demand, worker) or ""
