"""How the event log shows events, and what a task's facts are."""

from contracts.base import Count, JsonObject, Milliseconds, Model, Name, OptionalText, Percent, TaskId, UtcTime
from contracts.decided import DecidedEvent
from contracts.events import Event


class StoredEvent(Model):
    """An event in the log."""

    event: Event
    stale: bool = False
    """It came from an attempt that was no longer the task's current one."""
    recorded_at: UtcTime


class LoggedEvent(Model):
    """A line of the exported log: an event, and the batch that it came in (None: an old version recorded it)."""

    producer: Name | None = None
    """The producer as consumers know it: its sender's name goes before it, where the subject has one."""
    batch: Count | None = None
    event: Event


class LoggedDecision(Model):
    """The same of what a service decided."""

    producer: Name | None = None
    batch: Count | None = None
    event: DecidedEvent


class ProducerMarks(Model):
    """Which batches of a producer were applied: all up to `low`, and the ranges in `above`."""

    low: Count
    above: list[Count] = []
    """First and last number of each range, one after the other."""


class StreamMarks(Model):
    """Which batches of one stream are in the log, by producer."""

    stream: Name
    producers: dict[str, ProducerMarks]


class LogMarks(Model):
    """Which batches are in the log."""

    streams: list[StreamMarks]


class TailEntry(Model):
    """One entry of a task's live tail: a stream line, or another event told in one line."""

    event_id: str
    kind: Name
    stream_type: Name | None = None
    content: str
    evidence: Name
    attempt: int | None = None
    worker_id: str
    occurred_at: UtcTime
    stale: bool = False


class Tail(Model):
    """The last entries of a task, oldest first."""

    task_id: TaskId
    entries: list[TailEntry]


class MilestoneFact(Model):
    """A milestone that was reached."""

    milestone_name: Name
    milestone_type: Name
    impact: Name
    reached_at: UtcTime


class TaskFacts(Model):
    """What analytics knows of one task: the last report of each thing, and sums."""

    task_id: TaskId
    attempt: Count = 0
    status: Name | None = None
    phase: Name | None = None
    percent_complete: Percent | None = None
    current_operation: OptionalText | None = None
    milestones: list[MilestoneFact] = []
    analytics: dict[str, JsonObject] = {}
    """The last data of each analytics type."""
    evidence: dict[str, Name] = {}
    """Evidence level of each analytics type."""
    events: dict[str, Count] = {}
    """How many events of each kind."""
    errors: dict[str, Count] = {}
    """How many errors of each severity."""
    tests: JsonObject | None = None
    """The last test results."""
    outcome: JsonObject | None = None
    """Claim, observation and verification of the last closed attempt."""
    decisions: Count = 0
    execution_time_ms: Milliseconds | None = None
    updated_at: UtcTime | None = None
