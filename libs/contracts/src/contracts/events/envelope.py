"""The envelope of an event: what all of them carry."""

from enum import StrEnum

from pydantic import ConfigDict

from contracts.base import AttemptNumber, Count, EventId, Model, TaskId, UtcTime, WorkerId


class Evidence(StrEnum):
    """How sure a report is: the agent said it, the worker-agent saw it, the platform ran it again itself."""

    reported = "reported"
    observed = "observed"
    verified = "verified"


class EventBase(Model):
    """What every event carries. (`task_id`, `attempt`, `seq`) orders the events of one attempt."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: EventId
    worker_id: WorkerId
    task_id: TaskId | None = None
    attempt: AttemptNumber | None = None
    seq: Count = 0
    occurred_at: UtcTime
    evidence: Evidence = Evidence.reported
