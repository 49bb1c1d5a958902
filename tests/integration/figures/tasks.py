"""Tasks and attempts by the word of the orchestrator, and what agents report of their progress."""

from collections.abc import Iterator

from tests.integration.figures.entries import Entry, Figure, Metric, mean, per, quantile, rate, share, total
from tests.integration.figures.world import SYSTEM, Attempt, Scope, Task, World

SILENT = {"stream", "tool_call", "token_usage", "outcome", "registered", "grant", "session_end"}
"""Reports that are not the agent's own word."""
COUNTED = ("files_analyzed", "files_modified", "tests_run")


def groups_of(world: World, task: Task) -> frozenset[Scope]:
    """What a task counts for: its worker, agent and model are those of its newest attempt."""
    about, tried = task.about, task.newest
    attempt = world.attempt(task.task_id, *tried) if tried else None
    seen = attempt.observed if attempt else {}
    repository = about.get("repository") or "-"
    named = (
        ("worker", tried[1] if tried else None),
        ("agent", seen.get("agent") or about.get("agent")),
        ("model", seen.get("model")),
    )
    task_class = f"{repository} / {about.get('task_class') or about.get('agent') or 'default'}"
    own = (SYSTEM, ("repository", repository), ("task_class", task_class), ("task", task.task_id))
    return frozenset([*own, *(one for one in named if one[1])])


def finished(world: World) -> Iterator[tuple[Task, int, str, frozenset[Scope]]]:
    """Tasks that have ended, when and how, and what they count for."""
    for task in world.tasks:
        if task.ending is not None:
            yield task, *task.ending, groups_of(world, task)


def created(world: World) -> Iterator[Entry]:
    """Tasks, when they were first queued."""
    for task in world.tasks:
        if task.created is not None:
            kinds = {"system", "repository", "task_class", "task"}
            groups = frozenset(one for one in groups_of(world, task) if one[0] in kinds)
            yield Entry(task.created, groups, 1)


def ended_as(*ends: str) -> Metric:
    """Tasks that ended so; without a word all."""

    def metric(world: World) -> Iterator[Entry]:
        return (Entry(at, groups, 1) for _, at, end, groups in finished(world) if not ends or end in ends)

    return metric


def failures(why: str) -> Metric:
    """Tasks that failed or timed out for such a reason."""

    def metric(world: World) -> Iterator[Entry]:
        return (Entry(at, groups, 1) for task, at, _, groups in finished(world) if task.failure_class == why)

    return metric


def retried(world: World) -> Iterator[Entry]:
    """Finished tasks that had more than one attempt."""
    return (Entry(at, groups, 1) for task, at, _, groups in finished(world) if task.newest and task.newest[0] > 1)


def turnaround(world: World) -> Iterator[Entry]:
    """From first queued to the end."""
    for task, at, _, groups in finished(world):
        if task.created is not None:
            yield Entry(at, groups, max(at - task.created, 0))


def queue_wait(world: World) -> Iterator[Entry]:
    """From first queued to first assigned."""
    for task, at, _, groups in finished(world):
        if task.created is not None and task.assigned is not None:
            yield Entry(at, groups, max(task.assigned - task.created, 0))


def ended_attempts(world: World, *ends: str) -> Iterator[tuple[Attempt, int]]:
    """Attempts that count and have ended, with when."""
    for attempt in world.attempts:
        if attempt.groups and attempt.ended is not None and (not ends or attempt.end in ends):
            yield attempt, attempt.ended


def attempts_as(*ends: str) -> Metric:
    """Attempts that ended so; without a word all."""

    def metric(world: World) -> Iterator[Entry]:
        return (Entry(at, attempt.groups, 1) for attempt, at in ended_attempts(world, *ends))

    return metric


def execution(world: World) -> Iterator[Entry]:
    """How long attempts took, in ms."""
    return (Entry(at, attempt.groups, attempt.lasted or 0) for attempt, at in ended_attempts(world))


def response(world: World) -> Iterator[Entry]:
    """From the assignment to the first word of the agent itself."""
    for attempt in world.attempts:
        said = [one["ms"] for one in attempt.reports if one["evidence"] == "reported" and one["kind"] not in SILENT]
        if said and attempt.assigned is not None:
            yield Entry(min(said), attempt.groups, max(min(said) - attempt.assigned, 0))


def items_of(attempt: Attempt) -> int:
    """What the newest progress says was processed."""
    told = attempt.of("progress")
    metrics = told[-1]["body"].get("metrics", {}) if told else {}
    return max(metrics.get(name) or 0 for name in COUNTED)


def items(world: World) -> Iterator[Entry]:
    """Items of attempts that have ended."""
    return (Entry(at, one.groups, count) for one, at in ended_attempts(world) if (count := items_of(one)))


def items_per_s(world: World) -> Iterator[Entry]:
    """Items a second of each attempt."""
    for attempt, at in ended_attempts(world):
        if (count := items_of(attempt)) and attempt.lasted:
            yield Entry(at, attempt.groups, count * 1000 / attempt.lasted)


def milestones(world: World) -> Iterator[Entry]:
    """Milestones when they were reached."""
    return (Entry(one["ms"], attempt.groups, 1) for attempt in world.attempts for one in attempt.of("milestone"))


def decided(world: World) -> Iterator[Entry]:
    """Decisions of attempts."""
    for attempt in world.attempts:
        made = attempt.of("decision")
        at = attempt.at(max((one["ms"] for one in made), default=None))
        if at is not None:
            yield Entry(at, attempt.groups, len(made))


def phases(attempt: Attempt) -> dict[str, tuple[int, int]]:
    """When each phase was first reported, and how long it lasted in all; the last one until the end."""
    points = [(one["ms"], one["body"].get("phase") or one["body"]["status"]) for one in attempt.of("progress")]
    ends = [at for at, _ in points[1:]] + [attempt.ended]
    found: dict[str, tuple[int, int]] = {}
    for (at, phase), until in zip(points, ends, strict=bool(points)):
        if until is not None:
            began, lasted = found.get(phase, (at, 0))
            found[phase] = began, lasted + max(until - at, 0)
    return found


def phase_times(world: World) -> Iterator[Entry]:
    """How long each phase of each attempt took."""
    for attempt in world.attempts:
        for phase, (began, lasted) in phases(attempt).items() if attempt.about else ():
            own = f"{attempt.task_id}/{attempt.number} {phase}"
            groups = frozenset([("phase", f"{attempt.task_class} / {phase}"), ("phase", own)])
            yield Entry(began, groups, lasted)


ALL, DONE = ended_as(), ended_as("completed")
FAILED, CANCELLED = ended_as("failed", "timed_out"), ended_as("cancelled")
ATTEMPTS, COMPLETED = attempts_as(), attempts_as("completed")
UNSUCCESSFUL = attempts_as("failed", "timed_out", "requeued")

FIGURES: dict[str, Figure] = {
    "tasks_created": total(created),
    "tasks_finished": total(ALL),
    "completion_rate": share([DONE], [ALL]),
    "error_rate": share([FAILED], [ALL]),
    "failures_retryable": total(failures("retryable")),
    "failures_permanent": total(failures("permanent")),
    "failures_poison": total(failures("poison")),
    "cancel_rate": share([CANCELLED], [ALL]),
    "retry_rate": share([retried], [ALL]),
    "attempt_success_rate": share([COMPLETED], [ATTEMPTS]),
    "execution_time_mean": mean(execution),
    "execution_time_p50": quantile(execution, 0.5),
    "execution_time_p95": quantile(execution, 0.95),
    "execution_time_p99": quantile(execution, 0.99),
    "turnaround_p50": quantile(turnaround, 0.5),
    "turnaround_p95": quantile(turnaround, 0.95),
    "queue_wait_p50": quantile(queue_wait, 0.5),
    "queue_wait_p95": quantile(queue_wait, 0.95),
    "tasks_per_hour": rate(ALL),
    "items_processed": total(items),
    "items_per_second": mean(items_per_s),
    "milestones": total(milestones),
    "decisions_per_attempt": per([decided], ATTEMPTS),
    "worker_tasks_per_hour": rate(COMPLETED),
    "success_rate": share([COMPLETED], [ATTEMPTS]),
    "attempt_error_rate": share([UNSUCCESSFUL], [ATTEMPTS]),
    "response_time_p50": quantile(response, 0.5),
    "response_time_p95": quantile(response, 0.95),
    "worker_execution_time_p50": quantile(execution, 0.5),
    "worker_execution_time_p95": quantile(execution, 0.95),
    "throughput": rate(DONE),
    "phase_p50": quantile(phase_times, 0.5),
    "phase_p95": quantile(phase_times, 0.95),
    "phase_mean": mean(phase_times),
}
