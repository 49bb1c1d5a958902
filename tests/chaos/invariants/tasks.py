"""What must hold of tasks and attempts."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise

from tests.chaos.evidence import Attempt, Evidence
from tests.chaos.invariants.causes import allowed, explains, was_to_fail, with_errands
from tests.chaos.states import TERMINAL, TERMINAL_KINDS

LIVE = frozenset({"assigned", "running"})
BLINK_S = 0.05
"""Clocks of two processes on one machine are read at different moments."""


def assigned_once(e: Evidence) -> Iterator[str]:
    """Each errand was acknowledged in the end, and is one task, the one that was named."""
    for errand in e.errands:
        if errand.key not in e.told.assigned:
            yield f"{errand.key} was never acknowledged"
    by_key: defaultdict[str, list[str]] = defaultdict(list)
    for task in e.tasks:
        by_key[task.key].append(task.task_id)
    for key, task_id in e.told.assigned.items():
        if by_key[key] != [task_id]:
            yield f"{key} was acknowledged as {task_id}, and is {by_key[key]}"
    for key, found in by_key.items():
        if len(found) > 1:
            yield f"{key} became several tasks: {found}"


def ended(e: Evidence) -> Iterator[str]:
    """Each task that was assigned has ended, and no attempt is live."""
    known = {task.task_id: task for task in e.tasks}
    for task_id in e.told.assigned.values():
        if task_id not in known or known[task_id].status not in TERMINAL:
            yield f"{task_id} has not ended: {known.get(task_id)}"
    for attempt in e.attempts:
        if attempt.state in LIVE:
            yield f"attempt {attempt.attempt} of {attempt.task_id} is {attempt.state} on {attempt.worker_id}"


def ended_as_it_should(e: Evidence) -> Iterator[str]:
    """Each task ended in a way that its agent's behaviour allows, unless its attempts were used up."""
    for task, errand in with_errands(e):
        if task.status in TERMINAL and task.status not in allowed(task, errand, e):
            yield f"{errand.behaviour} {task.task_id} is {task.status}: {task.reason}"


def told_once(e: Evidence) -> Iterator[str]:
    """Each task has one end in the log of what was decided, and each attempt one beginning."""
    mine = set(e.told.assigned.values())
    ends = Counter(d.task_id for d in e.decided if d.kind in TERMINAL_KINDS and d.task_id in mine)
    begins = Counter((d.task_id, d.attempt) for d in e.decided if d.kind == "task.assigned")
    for task in e.tasks:
        if task.task_id in mine and task.status in TERMINAL and ends[task.task_id] != 1:
            yield f"the end of {task.task_id} is told {ends[task.task_id]} times"
    for attempt in e.attempts:
        if attempt.task_id in mine and begins[attempt.task_id, attempt.attempt] != 1:
            times = begins[attempt.task_id, attempt.attempt]
            yield f"attempt {attempt.attempt} of {attempt.task_id} is told {times} times"


def counted_once(e: Evidence) -> Iterator[str]:
    """Each completed attempt counts once for its worker."""
    completed = Counter(attempt.worker_id for attempt in e.attempts if attempt.state == "completed")
    for worker in e.workers:
        if worker.tasks_completed != completed[worker.worker_id]:
            yield (
                f"{worker.worker_id} has completed {completed[worker.worker_id]} attempts, "
                f"and is credited with {worker.tasks_completed}"
            )


def run_once(e: Evidence) -> Iterator[str]:
    """No attempt was run twice, and each that was run had been assigned."""
    runs = Counter((run.task_id, run.attempt) for run in e.runs)
    known = {(attempt.task_id, attempt.attempt) for attempt in e.attempts}
    for (task_id, attempt), times in runs.items():
        if times > 1:
            yield f"attempt {attempt} of {task_id} was run {times} times"
        if (task_id, attempt) not in known:
            yield f"attempt {attempt} of {task_id} was run, and never assigned"


def one_at_a_time(e: Evidence) -> Iterator[str]:
    """An attempt begins after the one before it was closed; its agent too."""
    begun = {(run.task_id, run.attempt): run.begun_at for run in e.runs}
    for earlier, later in _successive(e.attempts):
        if earlier.ended_at is None or earlier.ended_at > later.assigned_at + BLINK_S:
            yield f"attempt {later.attempt} of {later.task_id} was assigned before the one before it was closed"
        start = begun.get((later.task_id, later.attempt))
        if start is not None and earlier.ended_at is not None and start + BLINK_S < earlier.ended_at:
            yield f"attempt {later.attempt} of {later.task_id} ran before the one before it was closed"


def closed_for_a_reason(e: Evidence) -> Iterator[str]:
    """An attempt that was lost or failed has a fault at its worker, or an agent that was to fail, to explain it."""
    errands = {task.task_id: errand for task, errand in with_errands(e)}
    for attempt in e.attempts:
        if attempt.state not in ("lost", "failed", "refused") or attempt.task_id not in errands:
            continue
        errand = errands[attempt.task_id]
        if was_to_fail(errand, attempt) or any(explains(fault, attempt, e) for fault in e.injected):
            continue
        which = f"attempt {attempt.attempt} of {errand.behaviour} {attempt.task_id} on {attempt.worker_id}"
        yield f"{which} is {attempt.state}: {attempt.reason}"


def believed_is_current(e: Evidence) -> Iterator[str]:
    """What is believed of a task comes from its last attempt, and nothing of that is called stale."""
    attempt_of = {line["id"]: run.attempt for run in e.runs for line in run.of("intend")}
    for task in e.tasks:
        for mark in (task.claimed, task.counted):
            if task.status == "completed" and mark in attempt_of and attempt_of[mark] != task.attempt:
                yield f"{task.task_id}, at attempt {task.attempt}, believes attempt {attempt_of[mark]}"
        if task.status == "completed" and task.counted is None and task.key in e.told.assigned:
            yield f"{task.task_id} is completed without the claim of its agent"
    last = {task.task_id: task.attempt for task in e.tasks}
    for event in e.logged:
        if event.stale and event.attempt >= last.get(event.task_id, 0):
            yield f"{event.kind} {event.event_id} of the current attempt of {event.task_id} is called stale"


def cancelled_for_good(e: Evidence) -> Iterator[str]:
    """After an acknowledged cancellation no attempt of the task begins."""
    for attempt in e.attempts:
        at = e.told.cancelled_at.get(attempt.task_id)
        if at is not None and attempt.assigned_at > at + BLINK_S:
            yield f"attempt {attempt.attempt} of {attempt.task_id} was assigned after it was cancelled"


def _successive(attempts: Iterable[Attempt]) -> Iterator[tuple[Attempt, Attempt]]:
    by_task: defaultdict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_task[attempt.task_id].append(attempt)
    for mine in by_task.values():
        mine.sort(key=lambda one: one.attempt)
        yield from pairwise(mine)
