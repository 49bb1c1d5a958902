"""What is shown of a task: the facts of its current attempt."""

from typing import Any

from analytics_query.domain.documents import AttemptDocument, Told
from contracts.telemetry import MilestoneFact, TaskFacts


def facts_of(task_id: str, attempt: int, document: AttemptDocument) -> TaskFacts:
    """The facts as the API shows them."""
    progress: dict[str, Any] = document.progress.latest.data if document.progress.latest else {}
    metrics = progress.get("metrics", {})
    return TaskFacts(
        task_id=task_id,
        attempt=attempt,
        status=progress.get("status"),
        phase=progress.get("phase"),
        percent_complete=metrics.get("percent_complete"),
        current_operation=metrics.get("current_operation"),
        milestones=[
            MilestoneFact(
                milestone_name=reached.milestone_name,
                milestone_type=reached.milestone_type,
                impact=reached.impact,
                reached_at=reached.at,
            )
            for reached in document.milestones
        ],
        analytics={name: told.data for name, told in sorted(document.analytics.items())},
        evidence={name: told.evidence for name, told in sorted(document.analytics.items())},
        events=document.events,
        errors=document.errors,
        tests=document.tests.data if document.tests else None,
        outcome=document.outcome.data if document.outcome else None,
        decisions=document.events.get("decision", 0),
        execution_time_ms=_observed_ms(document.outcome),
        updated_at=document.updated_at,
    )


def _observed_ms(outcome: Told | None) -> int | None:
    observed: Any = outcome.data.get("observed") if outcome else None
    return observed.get("wall_ms") if observed else None
