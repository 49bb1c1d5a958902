"""What is kept of attempts and tasks between events: documents of parts, each folded by the module of its name."""

from datetime import datetime
from typing import Any, NamedTuple

from analytics_query.domain.documents.bugs import Bugs
from analytics_query.domain.documents.choices import Choices
from analytics_query.domain.documents.coverage import Coverages
from analytics_query.domain.documents.errors import Recoveries
from analytics_query.domain.documents.operations import Operations
from analytics_query.domain.documents.parts import Part
from analytics_query.domain.documents.quality import Quality
from analytics_query.domain.documents.resources import Resources
from analytics_query.domain.documents.security import Security
from analytics_query.domain.documents.testing import Testing
from contracts.decided import TaskAbout


class AttemptKey(NamedTuple):
    """Whose document it is: that of one worker's attempt at a task, so that nobody else's report can change it."""

    task_id: str
    attempt: int
    worker_id: str


class Told(Part):
    """The newest report of one thing: a later `seq` of the same attempt replaces it."""

    seq: int
    event_id: str
    at: datetime
    evidence: str
    data: dict[str, Any]


class Lifecycle(Part):
    """What the orchestrator says of the attempt. Without an assignment the attempt counts nowhere."""

    about: TaskAbout | None = None
    assigned_at: datetime | None = None
    running_at: datetime | None = None
    ended_at: datetime | None = None
    end: str | None = None
    """completed, failed, cancelled, timed_out; requeued: another attempt follows."""
    is_lost: bool = False
    """Whether it was given up without a word of its worker: what its outcome says later is stale."""


class Point(Part):
    """A report of progress as a point in time."""

    seq: int
    event_id: str
    at: datetime
    phase: str


class Progress(Part):
    """Where the work stands, and the way there."""

    latest: Told | None = None
    points: list[Point] = []
    """At most `MOST_POINTS`, by `seq`."""
    first_report_at: datetime | None = None
    """When the agent first said anything."""


class Usage(Part):
    """Tokens that were reported with one level of evidence, summed."""

    input: int = 0
    output: int = 0
    cached: int = 0
    cost_microusd: int = 0
    last_at: datetime


class Reached(Part):
    """A milestone with its place in the attempt."""

    seq: int
    event_id: str
    at: datetime
    milestone_name: str
    milestone_type: str
    impact: str


class AttemptDocument(Part):
    """All that is kept of one attempt.

    `events` and `updated_at` are no part of what an attempt is credited for: most events change nothing else.
    """

    events: dict[str, int] = {}
    """How many of each kind."""
    updated_at: datetime | None = None
    lifecycle: Lifecycle = Lifecycle()
    progress: Progress = Progress()
    outcome: Told | None = None
    """As it was told; `verdict` is what counts."""
    usage: dict[str, Usage] = {}
    """By evidence."""
    milestones: list[Reached] = []
    """At most `MOST_MILESTONES`, the first ones, by `seq`."""
    analytics: dict[str, Told] = {}
    """The newest by analytics type."""
    errors: dict[str, int] = {}
    """How many of each severity."""
    tests: Told | None = None
    """The newest run, whatever the suite."""
    testing: Testing = Testing()
    coverages: Coverages = Coverages()
    quality: Quality = Quality()
    security: Security = Security()
    bugs: Bugs = Bugs()
    resources: Resources = Resources()
    recoveries: Recoveries = Recoveries()
    choices: Choices = Choices()
    operations: Operations = Operations()

    @property
    def verdict(self) -> dict[str, Any] | None:
        """The body of the outcome, where it closed the attempt or still may; one of a lost attempt is stale."""
        return None if self.outcome is None or self.lifecycle.is_lost else self.outcome.data

    @classmethod
    def of(cls, stored: bytes | str, events: dict[str, int], updated_at: datetime | None) -> "AttemptDocument":
        """What was stored."""
        document = cls.model_validate_json(stored)
        document.events, document.updated_at = events, updated_at
        return document

    def to_json(self) -> bytes:
        """As it is stored, without what has columns of its own; what stands at its default is left out."""
        return self.__pydantic_serializer__.to_json(self, exclude={"events", "updated_at"}, exclude_defaults=True)


class Ending(NamedTuple):
    """How a task ended, by one word of the orchestrator; of several the newest counts."""

    at: datetime
    event_id: str
    end: str


class Performer(Part):
    """Who worked at an attempt, by its outcome."""

    seq: int
    event_id: str
    agent: str | None = None
    model: str | None = None


class TaskDocument(Part):
    """All that is kept of one task, by the word of the orchestrator; only who performed it is the workers' word."""

    about: TaskAbout | None = None
    created_at: datetime | None = None
    assigned_at: datetime | None = None
    """The first time."""
    attempt: int = 0
    """The newest."""
    worker_id: str | None = None
    """Of the newest attempt."""
    ending: Ending | None = None
    failure_class: str | None = None
    """Why that ending is a failure, if it is one. A field of its own: who knows no such field passes it over."""
    retried_at: datetime | None = None
    """When it was last queued again after an attempt."""
    performers: dict[str, Performer] = {}
    """By attempt and worker; at most `MOST_PERFORMERS`."""

    @property
    def finished(self) -> Ending | None:
        """The ending that stands: none if the task was queued again since."""
        if self.ending is None or (self.retried_at is not None and self.retried_at > self.ending.at):
            return None
        return self.ending

    def to_json(self) -> bytes:
        """As it is stored: what stands at its default is left out."""
        return self.__pydantic_serializer__.to_json(self, exclude_defaults=True)
