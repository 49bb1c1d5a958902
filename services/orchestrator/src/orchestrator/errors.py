"""What can go wrong here: each error has a stable code, a category that each edge maps once, and one sentence."""

from collections.abc import Sequence

from contracts.problems import FieldError


class OrchestratorError(Exception):
    """Base of this service's errors. `category`: not_found, conflict, invalid, unavailable."""

    code = "orchestrator_error"
    category = "unavailable"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InvalidTask(OrchestratorError):
    """A new task with a value that cannot be kept. `errors` are contracts.problems.FieldError."""

    code = "invalid_input"
    category = "invalid"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(f"{errors[0].field}: {errors[0].message}")
        self.errors = list(errors)


class TaskNotFound(OrchestratorError):
    """No task has this id."""

    code = "task_not_found"
    category = "not_found"

    def __init__(self, task_id: str) -> None:
        super().__init__(f"There is no task {task_id!r}.")


class WorkerNotFound(OrchestratorError):
    """No worker has this id."""

    code = "worker_not_found"
    category = "not_found"

    def __init__(self, worker_id: str) -> None:
        super().__init__(f"There is no worker {worker_id!r}.")


class IdempotencyConflict(OrchestratorError):
    """The key was used before, with another body."""

    code = "idempotency_conflict"
    category = "conflict"

    def __init__(self, key: str, task_id: str) -> None:
        super().__init__(f"The idempotency key {key!r} belongs to {task_id}, which was created with another body.")


class NotCancellable(OrchestratorError):
    """The task has already ended."""

    code = "not_cancellable"
    category = "conflict"

    def __init__(self, task_id: str, status: str) -> None:
        super().__init__(f"{task_id} is {status} already and can no longer be cancelled.")


class NotRetryable(OrchestratorError):
    """Only a task that failed, was cancelled or timed out can be tried again."""

    code = "not_retryable"
    category = "conflict"

    def __init__(self, task_id: str, status: str) -> None:
        super().__init__(f"{task_id} is {status}; only a failed, cancelled or timed_out task can be retried.")


class NotSteerable(OrchestratorError):
    """Only a task that a worker has can be paused or resumed."""

    code = "not_steerable"
    category = "conflict"

    def __init__(self, task_id: str, status: str, action: str) -> None:
        super().__init__(f"{task_id} is {status}; only a task that a worker has can be told to {action}.")


class TaskNotShown(OrchestratorError):
    """There is no such task, or this worker has no part in it."""

    code = "task_not_found"
    category = "not_found"

    def __init__(self, task_id: str, worker_id: str) -> None:
        super().__init__(
            f"{worker_id} has no part in a task {task_id!r}: a worker reads the tasks that it has or had an attempt "
            "of, and those at the other end of its requests for collaboration."
        )


class AttemptNotHeld(OrchestratorError):
    """What belongs to an attempt is given to the worker that has it, while it is live."""

    code = "attempt_not_held"
    category = "conflict"

    def __init__(self, task_id: str, attempt: int, worker_id: str) -> None:
        super().__init__(f"{worker_id} does not have attempt {attempt} of {task_id}, or that has ended.")


class CheckpointGone(OrchestratorError):
    """A part that was asked for is not there."""

    code = "checkpoint_gone"
    category = "not_found"

    def __init__(self, key: str, part: int) -> None:
        super().__init__(f"There is no part {part} of the checkpoint {key!r}; find it again.")


class CheckpointsAway(OrchestratorError):
    """The object store does not answer."""

    code = "objects_unavailable"
    category = "unavailable"


class TaskNotNamed(OrchestratorError):
    """A request that does not say which task it is about."""

    code = "invalid_input"
    category = "invalid"

    def __init__(self) -> None:
        super().__init__("task_id: is required")


class ConfigMissing(OrchestratorError):
    """`update_config` without anything to update."""

    code = "config_missing"
    category = "invalid"

    def __init__(self) -> None:
        super().__init__("The action update_config needs a config with at least one value.")


class NothingToDrain(OrchestratorError):
    """`drain` with an action that does not end anything."""

    code = "drain_not_possible"
    category = "invalid"

    def __init__(self, action: str) -> None:
        super().__init__(
            f"drain: the action {action} ends nothing, so nothing can be waited for; only restart takes it."
        )


class NoFleet(OrchestratorError):
    """Something was asked that only whoever runs the workers can do."""

    code = "no_fleet"
    category = "conflict"

    def __init__(self, worker_id: str, what: str) -> None:
        super().__init__(
            f"{worker_id} is not run by a fleet that this platform manages (FLEET), so {what} is not possible; "
            "leave drain out, or drain the worker and restart it once it is idle."
        )


class FleetAway(OrchestratorError):
    """Whoever runs the workers does not answer, or not yet: nothing was done. `again_in_s`: when to ask again."""

    code = "fleet_away"
    category = "unavailable"

    def __init__(self, detail: str, again_in_s: float = 0.0) -> None:
        super().__init__(detail)
        self.again_in_s = again_in_s


class FleetRefused(FleetAway):
    """Whoever runs the workers does not let this service do so; somebody must change that."""

    code = "fleet_refused"


class FleetChanged(OrchestratorError):
    """Somebody else has changed the size of the fleet meanwhile."""

    code = "fleet_changed"
    category = "conflict"

    def __init__(self, detail: str) -> None:
        super().__init__(f"The fleet has changed since it was looked at: {detail}")


class IllegalTransition(OrchestratorError):
    """A state change that the table of transitions does not have."""

    code = "illegal_transition"
    category = "conflict"

    def __init__(self, source: str, target: str) -> None:
        super().__init__(f"A task cannot go from {source} to {target}.")
