"""What can go wrong here: each error has a stable code, and a sentence that says what to do."""

from typing import ClassVar


class WorkerError(Exception):
    """Base of the worker-agent's errors; `category` is what an HTTP edge makes a status of."""

    code: ClassVar[str] = "worker_error"
    category: ClassVar[str] = "unavailable"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class SpoolFull(WorkerError):
    """The spool has reached its bound: what was to be reported is not recorded."""

    code = "spool_full"


class SpoolUnavailable(WorkerError):
    """The disk did not take it: what was to be reported is not recorded."""

    code = "spool_unavailable"


class EventTooLarge(WorkerError):
    """One event is larger than the bus takes."""

    code = "event_too_large"
    category = "too_large"


class WrongTask(WorkerError):
    """A report names another task than the one that the caller's token stands for."""

    code = "wrong_task"
    category = "forbidden"


class AttemptEnded(WorkerError):
    """The attempt takes no more reports."""

    code = "attempt_ended"
    category = "conflict"


class ProgressBackwards(WorkerError):
    """Less is done than was reported before, and nothing says why."""

    code = "progress_backwards"
    category = "conflict"


class PlanUnusable(WorkerError):
    """A plan whose steps cannot be told apart."""

    code = "plan_unusable"
    category = "invalid"


class StepUnknown(WorkerError):
    """No current plan has such a step."""

    code = "step_unknown"
    category = "invalid"


class PlanOpen(WorkerError):
    """Work is called completed while steps of its plan are open."""

    code = "plan_open"
    category = "conflict"


class NotAsked(WorkerError):
    """An answer to a request that this attempt was not made for."""

    code = "not_asked"
    category = "invalid"


class ToolNotInProfile(WorkerError):
    """The tool exists, but this attempt's profile is without it."""

    code = "tool_not_in_profile"
    category = "forbidden"


class ServiceUnavailable(WorkerError):
    """A service of the platform does not answer."""

    code = "service_unavailable"


class ServiceRefused(WorkerError):
    """A service of the platform answered, and said no."""

    code = "service_refused"
    category = "invalid"


class SandboxUnavailable(WorkerError):
    """The sandbox does not answer, or is not ready."""

    code = "sandbox_unavailable"


class SandboxRefused(WorkerError):
    """The sandbox answered, and said no; `reason` is its own code."""

    code = "sandbox_refused"
    category = "invalid"

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class ObjectsUnavailable(WorkerError):
    """The object store does not answer, or did not take it."""

    code = "objects_unavailable"


class ObjectRefused(WorkerError):
    """An artifact or checkpoint that cannot be kept as it is; the sentence says what to change."""

    code = "object_refused"
    category = "invalid"


class CheckpointDamaged(WorkerError):
    """A checkpoint was found, and cannot be read."""

    code = "checkpoint_damaged"
    category = "invalid"


class QuotaExceeded(WorkerError):
    """The attempt has used up what it may use of the platform; `request_resources` may get it more."""

    code = "quota_exceeded"
    category = "conflict"


class RateLimited(WorkerError):
    """The attempt sends more, or faster, than it may; the sentence says how long to wait."""

    code = "rate_limited"
    category = "too_many"


class AttemptLost(WorkerError):
    """The task has gone on without this attempt: what it still makes would change nothing."""

    code = "attempt_lost"
    category = "conflict"


class GrantUnusable(WorkerError):
    """A request was granted for which this worker has nothing to change."""

    code = "grant_unusable"
    category = "invalid"


class TaskUnusable(WorkerError):
    """The task asks for what no attempt here can do; trying again would not help."""

    code = "task_unusable"
    category = "invalid"
