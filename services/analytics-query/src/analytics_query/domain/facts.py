"""The facts of one task, as they are kept between events."""

from typing import Any, NamedTuple

from contracts.base import JsonObject, Model, UtcTime
from contracts.telemetry import MilestoneFact, TaskFacts


class AttemptKey(NamedTuple):
    """Whose facts they are: those of one worker's attempt at a task, so that nobody else's report can change them."""

    task_id: str
    attempt: int
    worker_id: str


class Told(Model):
    """The newest report of one thing: a later `seq` of the same attempt replaces it."""

    seq: int
    data: JsonObject
    evidence: str


class Reached(Model):
    """A milestone with its place in the attempt."""

    seq: int
    milestone: MilestoneFact


class Facts(Model):
    """What the events of one attempt amount to. It does not depend on the order in which they came."""

    progress: Told | None = None
    tests: Told | None = None
    outcome: Told | None = None
    analytics: dict[str, Told] = {}
    milestones: list[Reached] = []
    events: dict[str, int] = {}
    errors: dict[str, int] = {}
    updated_at: UtcTime | None = None

    def to_view(self, task_id: str, attempt: int) -> TaskFacts:
        """The facts as the API shows them."""
        progress: dict[str, Any] = self.progress.data if self.progress else {}
        metrics = progress.get("metrics", {})
        return TaskFacts(
            task_id=task_id,
            attempt=attempt,
            status=progress.get("status"),
            phase=progress.get("phase"),
            percent_complete=metrics.get("percent_complete"),
            current_operation=metrics.get("current_operation"),
            milestones=[reached.milestone for reached in self.milestones],
            analytics={name: told.data for name, told in sorted(self.analytics.items())},
            evidence={name: told.evidence for name, told in sorted(self.analytics.items())},
            events=self.events,
            errors=self.errors,
            tests=self.tests.data if self.tests else None,
            outcome=self.outcome.data if self.outcome else None,
            decisions=self.events.get("decision", 0),
            execution_time_ms=_observed_ms(self.outcome),
            updated_at=self.updated_at,
        )


def _observed_ms(outcome: Told | None) -> int | None:
    observed: Any = outcome.data.get("observed") if outcome else None
    return observed.get("wall_ms") if observed else None
