"""What is kept of one attempt between its events: a document of parts, each folded by the module of its name."""

from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel

from contracts.decided import TaskAbout


class AttemptKey(NamedTuple):
    """Whose document it is: that of one worker's attempt at a task, so that nobody else's report can change it."""

    task_id: str
    attempt: int
    worker_id: str


class Part(BaseModel):
    """A part of a document. It is changed in place, and is the same whatever the order of the events."""

    def to_json(self) -> bytes:
        """As it is stored: what stands at its default is left out."""
        return self.__pydantic_serializer__.to_json(self, exclude_defaults=True)


class Lifecycle(Part):
    """What the orchestrator says of the attempt. Without an assignment the attempt counts nowhere."""

    about: TaskAbout | None = None
    assigned_at: datetime | None = None
    running_at: datetime | None = None
    ended_at: datetime | None = None
    end: str | None = None
    """completed, failed, cancelled, timed_out; requeued: another attempt follows."""


class AttemptDocument(Part):
    """All that is kept of one attempt."""

    events: dict[str, int] = {}
    """How many of each kind."""
    updated_at: datetime | None = None
    lifecycle: Lifecycle = Lifecycle()
