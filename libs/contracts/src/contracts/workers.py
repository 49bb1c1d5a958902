"""Workers: registration, heartbeats, and how the fleet is shown."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.base import (
    AttemptNumber,
    Count,
    JsonObject,
    Megabytes,
    Milliseconds,
    Model,
    Name,
    OptionalText,
    TaskId,
    UtcTime,
    WorkerId,
)


class WorkerStatus(StrEnum):
    """What a worker is doing, as the orchestrator sees it."""

    online = "online"
    paused = "paused"
    draining = "draining"
    offline = "offline"


class Registration(Model):
    """A worker introduces itself (`worker.registered.<worker>`); a second one with the same id replaces the first."""

    worker_id: WorkerId
    worker_type: Name = "unified"
    hostname: Name
    incarnation: Name
    """Id of this start of the process: a new one after each restart."""
    tags: list[Name] = []
    capabilities: list[Name] = []
    """What it can do: `agent:<name>` for each adapter that can run here, and anything the operator named."""
    max_concurrent_tasks: Annotated[int, Field(ge=1, le=1_000)] = 3
    system_info: JsonObject = {}
    version: Name = "0"


class RunningAttempt(Model):
    """An attempt that a worker holds: a heartbeat that names it renews its lease."""

    task_id: TaskId
    attempt: AttemptNumber
    run_ms: Milliseconds | None = None
    """How long its agent may run, with what was granted, if the worker says so."""


Slots = Annotated[int, Field(ge=0, le=1_000)]


class Heartbeat(Model):
    """Every 5 s on `worker.heartbeat.<worker>`, not stored."""

    worker_id: WorkerId
    incarnation: Name
    sent_at: UtcTime
    slots_total: Slots
    slots_free: Slots
    running: list[RunningAttempt] = []
    cpu_percent: float = 0.0
    memory_mb: Megabytes = 0.0
    round_trip_ms: float | None = None
    """Round-trip time to the bus."""
    spool_events: Count = 0
    """Events on disk that the broker has not yet acknowledged."""
    paused: bool = False
    draining: bool = False


class WorkerView(Model):
    """A worker as the API shows it; the first nine fields are the reference's columns."""

    worker_id: WorkerId
    worker_type: Name
    hostname: Name
    status: WorkerStatus
    capabilities: list[Name]
    system_info: JsonObject
    last_heartbeat: UtcTime | None = None
    tasks_completed: Count
    tasks_failed: Count
    tags: list[Name] = []
    slots_total: Count = 0
    slots_free: Count = 0
    running: list[RunningAttempt] = []
    cpu_percent: float | None = None
    memory_mb: float | None = None
    round_trip_ms: float | None = None
    registered_at: UtcTime
    version: Name = "0"
    reason: OptionalText | None = None


class FleetInstance(Model):
    """One life of a worker as whoever runs it knows it: a pod, or a process."""

    worker_id: WorkerId
    ready: bool
    ending: bool = False
    reason: OptionalText | None = None
    """Why it is not ready."""
    intention: Name | None = None
    """`restart` or `remove`, where that is to become of it."""


class FleetView(Model):
    """The workers that the platform runs itself."""

    kind: Name
    """`kubernetes`, `local`, or `none` where somebody else runs them."""
    replicas: Count | None = None
    """How many are wanted now; None where that is not known."""
    autoscale: bool = False
    """Whether their number follows the queue, between these two."""
    least: Count | None = None
    most: Count | None = None
    instances: list[FleetInstance] = []
    reason: OptionalText | None = None
    """Why it is not known what runs."""
