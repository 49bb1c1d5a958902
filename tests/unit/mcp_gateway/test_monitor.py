"""The text of monitor_task."""

from contracts.tasks import FailureClass, TaskState
from contracts.telemetry import Tail
from mcp_gateway.decisions.summaries import monitor_report, summary
from mcp_gateway.domain.outputs import TaskList
from mcp_gateway.mcp.text.monitor import monitored
from mcp_gateway.mcp.text.tasking import listed
from tests.support.views import (
    completed_task,
    example_facts,
    example_outcome,
    example_streams,
    open_question,
    queued_task,
    running_task,
)

EXAMPLE_2 = """\
Task task-abc123 Monitoring:
Status: executing
Progress: 65%
Phase: implementation

Milestones:
  - Authentication module analyzed (phase_complete)
  - JWT implementation complete (feature_implemented)
  - OAuth2 Google provider added (feature_implemented)

Recent Streams (last 5):
  [thinking] Considering token refresh strategy...
  [decision] Chose rotating refresh tokens for security
  [executing] Implementing token rotation logic
  [testing] Running authentication tests
  [output] All tests passing, coverage at 92%

Analytics:
{
  "performance": {
    "execution_time_ms": 4532000,
    "memory_peak_mb": 512,
    "cpu_average_percent": 35
  },
  "quality": {
    "test_coverage": 92,
    "complexity_score": 15,
    "maintainability_index": 78
  }
}
"""


def test_the_text_is_the_references_example() -> None:
    report = monitor_report(
        running_task(),
        facts=example_facts(),
        tail=Tail(task_id="task-abc123", entries=example_streams()),
        include_analytics=True,
    )
    assert monitored(report).startswith(EXAMPLE_2)


def test_streams_and_analytics_are_left_out_unless_asked_for() -> None:
    text = monitored(monitor_report(running_task(), facts=example_facts()))
    assert "Streams" not in text
    assert "Analytics:" not in text


def test_a_queued_task_says_what_keeps_it() -> None:
    assert monitored(monitor_report(queued_task())).splitlines()[:4] == [
        "Task task-abc123 Monitoring:",
        "Status: queued",
        "Progress: 0%",
        "Phase: -",
    ]
    assert "Reason: no worker has a free slot" in monitored(monitor_report(queued_task()))


def test_the_evidence_shows_claim_observation_and_verification() -> None:
    facts = example_facts(outcome=example_outcome(passed=False).to_dict(), evidence={"quality": "observed"})
    _, _, evidence = monitored(monitor_report(running_task(), facts=facts)).partition("Evidence:\n")
    assert evidence.splitlines() == [
        "  reported: completed - JWT and OAuth2 are in",
        "  observed: auditor exited with 0 after 2 min 05 s; peak memory 120.5 MB; 2 files changed",
        "  verified: FAILED (1 of 2 commands exited with 0)",
        "    $ pytest -q: exited with 0 after 3.2 s",
        "    $ ruff check .: exited with 1 after 400 ms",
        "        E501 Line too long",
        "  analytics: quality observed",
    ]


def test_open_questions_are_shown_with_their_ids_and_options() -> None:
    text = monitored(monitor_report(running_task(), questions=[open_question()]))
    assert "  - q-1 (technical, medium, open): Which framework?" in text
    assert "options: passport | authlib" in text
    assert "default: authlib" in text


def test_what_is_missing_is_noted() -> None:
    text = monitored(monitor_report(running_task(), notes=["milestones are missing: analytics-query is away"]))
    assert text.endswith("Notes:\n  - milestones are missing: analytics-query is away")


def test_the_evidence_shows_where_the_result_is_and_what_does_not_agree() -> None:
    outcome = example_outcome().to_dict()
    outcome["observed"] |= {
        "branch": "feature/x",
        "pushed": False,
        "push_error": "the remote is away",
        "bundle": {"bucket": "ARTIFACTS", "key": "task-1/1/result.bundle", "size_bytes": 9, "digest": "sha256:0"},
        "tests": [{"path": "junit.xml", "counts": {"total": 8, "passed": 5, "failed": 2, "errors": 1}}],
        "coverage": [{"path": "coverage.xml", "line_percent": 71.5}],
    }
    outcome["discrepancies"] = ["It says that no test failed."]
    text = monitored(monitor_report(running_task(analytics=outcome)))
    assert (
        "NOT pushed: the remote is away; kept as ARTIFACTS/task-1/1/result.bundle; JUnit: 3 of 8 tests failed; "
        "coverage 71.5 % of lines" in text
    )
    assert "  does not agree: It says that no test failed." in text


def test_an_attempt_beyond_those_of_one_try_does_not_claim_to_be_one_of_them() -> None:
    assert "(attempt 2 of 3)" in monitored(monitor_report(running_task(attempt=2, max_attempts=3)))
    assert "(attempt 4)" in monitored(monitor_report(running_task(attempt=4, max_attempts=3)))
    assert "  4  " in listed(TaskList(tasks=[summary(running_task(attempt=4, max_attempts=3))]))


def test_a_task_in_quarantine_says_so_and_how_to_lift_it() -> None:
    how = {"status": TaskState.failed, "failure_class": FailureClass.poison, "crashes": 3}
    task = completed_task(reason="quarantined: why", **how)
    text = monitored(monitor_report(task))
    assert "  Failure: poison - QUARANTINED" in text
    assert "retry_task" in text
    assert "  Crashes of workers: 3" in text
    assert "quarantined" in listed(TaskList(tasks=[summary(task)]))
