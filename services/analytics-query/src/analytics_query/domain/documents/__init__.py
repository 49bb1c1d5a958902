"""What is kept of one attempt between its events: a document of parts, each folded by the module of its name."""

from datetime import datetime
from typing import NamedTuple

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
    testing: Testing = Testing()
    coverages: Coverages = Coverages()
    quality: Quality = Quality()
    security: Security = Security()
    bugs: Bugs = Bugs()
    resources: Resources = Resources()
    recoveries: Recoveries = Recoveries()
    choices: Choices = Choices()
    operations: Operations = Operations()
