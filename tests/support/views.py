"""Tasks, workers and questions as the services would show them, for tests that need some."""

from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.base import Level
from contracts.events.recovery import (
    CommandResult,
    Completion,
    CompletionStatus,
    CompletionSummary,
    Observed,
    Outcome,
    OutcomeStatus,
    Verified,
)
from contracts.questions import QuestionKind, QuestionState, QuestionView
from contracts.rules import Rule, RuleAction, RuleConditions, RuleState
from contracts.tasks import TaskProgress, TaskState, TaskView
from contracts.telemetry import MilestoneFact, TailEntry, TaskFacts
from contracts.workers import WorkerStatus, WorkerView

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def queued_task(task_id: str = "task-abc123", **changes: Any) -> TaskView:
    """A task that nobody has taken yet."""
    task = TaskView(
        task_id=task_id,
        description="Refactor the authentication module",
        status=TaskState.queued,
        priority=Level.high,
        created_at=NOON,
        reason="no worker has a free slot",
    )
    return task.model_copy(update=changes)


def running_task(task_id: str = "task-abc123", **changes: Any) -> TaskView:
    """The task of the reference's Example 2."""
    progress = TaskProgress(
        status="executing",
        phase="implementation",
        percent_complete=65,
        current_operation="Implementing token rotation",
        reported_at=NOON,
    )
    started = {
        "status": TaskState.running,
        "progress": progress,
        "assigned_worker": "worker-1",
        "attempt": 1,
        "started_at": NOON,
        "reason": None,
    }
    return queued_task(task_id, **(started | changes))


def completed_task(task_id: str = "task-abc123", **changes: Any) -> TaskView:
    """The same, done."""
    done = {"status": TaskState.completed, "completed_at": NOON + timedelta(hours=1), "execution_time_ms": 3_600_000}
    return running_task(task_id, **(done | changes))


def example_facts(task_id: str = "task-abc123", **changes: Any) -> TaskFacts:
    """The facts of the reference's Example 2."""
    milestones = [
        ("Authentication module analyzed", "phase_complete"),
        ("JWT implementation complete", "feature_implemented"),
        ("OAuth2 Google provider added", "feature_implemented"),
    ]
    facts = TaskFacts(
        task_id=task_id,
        attempt=1,
        milestones=[
            MilestoneFact(milestone_name=name, milestone_type=kind, impact="high", reached_at=NOON)
            for name, kind in milestones
        ],
        analytics={
            "quality": {"test_coverage": 92, "complexity_score": 15, "maintainability_index": 78},
            "performance": {"execution_time_ms": 4532000, "memory_peak_mb": 512, "cpu_average_percent": 35},
        },
    )
    return facts.model_copy(update=changes)


def entry(kind: str, content: str, stream_type: str | None = None, number: int = 1) -> TailEntry:
    """An entry of a live tail."""
    return TailEntry(
        event_id=f"00000000-0000-7000-8000-{number:012}",
        kind=kind,
        stream_type=stream_type,
        content=content,
        evidence="reported",
        attempt=1,
        worker_id="worker-1",
        occurred_at=NOON,
    )


def example_streams() -> list[TailEntry]:
    """The stream entries of the reference's Example 2."""
    lines = [
        ("thinking", "Considering token refresh strategy..."),
        ("decision", "Chose rotating refresh tokens for security"),
        ("executing", "Implementing token rotation logic"),
        ("testing", "Running authentication tests"),
        ("output", "All tests passing, coverage at 92%"),
    ]
    return [entry("stream", content, kind, number) for number, (kind, content) in enumerate(lines)]


def example_outcome(*, passed: bool = True) -> Outcome:
    """The end of an attempt: claimed complete, observed, verified or not."""
    commands = [
        CommandResult(command="pytest -q", exit_code=0, duration_ms=3_200),
        CommandResult(
            command="ruff check .", exit_code=0 if passed else 1, duration_ms=400, output_tail="E501 Line too long"
        ),
    ]
    return Outcome(
        status=OutcomeStatus.completed if passed else OutcomeStatus.failed,
        started_at=NOON,
        ended_at=NOON + timedelta(minutes=2),
        claimed=Completion(
            status=CompletionStatus.completed, summary=CompletionSummary(overview="JWT and OAuth2 are in")
        ),
        observed=Observed(
            agent="auditor", exit_code=0, wall_ms=125_000, memory_peak_mb=120.5, files_changed=["auth.py", "jwt.py"]
        ),
        verified=Verified(passed=passed, commands=commands),
    )


def open_question(question_id: str = "q-1", **changes: Any) -> QuestionView:
    """A question that waits for its answer."""
    question = QuestionView(
        question_id=question_id,
        kind=QuestionKind.question,
        state=QuestionState.open,
        worker_id="worker-1",
        task_id="task-abc123",
        attempt=1,
        question="Which framework?",
        question_type="technical",
        options=["passport", "authlib"],
        default_answer="authlib",
        asked_at=NOON,
        expires_at=NOON + timedelta(minutes=10),
    )
    return question.model_copy(update=changes)


def example_rule(**changes: Any) -> Rule:
    """A rule that was tried, and answers."""
    rule = Rule(
        rule_id="rule-1",
        name="House provider",
        position=10,
        state=RuleState.active,
        when=RuleConditions(pattern="provider", repository="https://git.example/*"),
        then=RuleAction(answer="github"),
        version=1,
        is_tested=True,
        hits=3,
        dry_run_hits=2,
        created_by="ada",
        created_at=NOON,
        updated_at=NOON,
    )
    return rule.model_copy(update=changes)


def online_worker(worker_id: str = "worker-1", **changes: Any) -> WorkerView:
    """A worker with one of three slots taken."""
    worker = WorkerView(
        worker_id=worker_id,
        worker_type="unified",
        hostname="host-1",
        status=WorkerStatus.online,
        capabilities=["agent:auditor"],
        system_info={},
        last_heartbeat=NOON,
        tasks_completed=12,
        tasks_failed=1,
        tags=["python"],
        slots_total=3,
        slots_free=2,
        cpu_percent=12.5,
        memory_mb=96,
        registered_at=NOON,
    )
    return worker.model_copy(update=changes)
