"""What an outcome may come from: the errand of its agent, or a fault at its worker."""

from collections.abc import Iterator

from tests.chaos.errands import TO_BE_CANCELLED, Behaviour, Errand
from tests.chaos.evidence import Attempt, Evidence, Run, Task
from tests.chaos.injecting import Injected
from tests.chaos.plan import Fault

HITS_A_WORKER = frozenset({Fault.kill, Fault.freeze, Fault.stall, Fault.cut, Fault.full_disk, Fault.rolling})
TELLS = frozenset({"nats", "postgres"})
"""Servers without which no attempt is closed."""
SETTLES_S = 15.0
"""How long a fault may show after its cause was taken away, beyond the lease."""


def with_errands(e: Evidence) -> Iterator[tuple[Task, Errand]]:
    errands = {errand.key: errand for errand in e.errands}
    for task in e.tasks:
        if task.key in errands:
            yield task, errands[task.key]


def allowed(task: Task, errand: Errand, e: Evidence) -> frozenset[str]:
    if errand.behaviour in TO_BE_CANCELLED:
        return frozenset({"cancelled"})
    own = {Behaviour.hanger: "timed_out", Behaviour.failing: "failed"}.get(errand.behaviour, "completed")
    used_up = task.burned >= task.max_attempts and _has_faults(task, e)
    return frozenset({own, "failed"}) if used_up else frozenset({own})


def _has_faults(task: Task, e: Evidence) -> bool:
    mine = [attempt for attempt in e.attempts if attempt.task_id == task.task_id]
    return any(explains(fault, attempt, e) for fault in e.injected for attempt in mine)


def was_to_fail(errand: Errand, attempt: Attempt) -> bool:
    """Whether its agent fails by itself in that attempt."""
    first = errand.behaviour in (Behaviour.crasher, Behaviour.suicide) and attempt.attempt == 1
    return first or errand.behaviour is Behaviour.failing


def explains(fault: Injected, attempt: Attempt, e: Evidence) -> bool:
    """Whether the fault hit the attempt's worker or sandbox while it lived, or so shortly before its end."""
    number = attempt.worker_id.removeprefix("worker-")
    hit = fault.victim in (attempt.worker_id, f"sandbox-{number}")
    if fault.fault not in HITS_A_WORKER or not hit or attempt.ended_at is None:
        return False
    return (
        fault.begun_at <= attempt.ended_at
        and attempt.assigned_at <= fault.ended_at + SETTLES_S
        and attempt.ended_at <= _shows_until(fault, e)
    )


def _shows_until(fault: Injected, e: Evidence) -> float:
    """While the bus or the database is away nothing is heard of what the fault did."""
    settles_s = e.lease_s + SETTLES_S
    until = fault.ended_at + settles_s
    for outage in sorted(e.injected, key=lambda one: one.begun_at):
        if outage.victim in TELLS and fault.begun_at <= outage.ended_at and outage.begun_at <= until:
            until = max(until, outage.ended_at + settles_s)
    return until


def name_of(run: Run) -> str:
    return f"attempt {run.attempt} of {run.task_id}"
