from auditor.completion import completion
from auditor.figures import Figures, Problem
from auditor.gates import REPORT_ONLY, STANDARD, judge
from auditor.markdown import render
from auditor.resources import Usage
from contracts.events.recovery import CompletionStatus
from tests.support.audit_projects import PROJECT, figures

USAGE = Usage(memory_mb=1, memory_peak_mb=2, cpu_ms=3, wall_ms=4, read_mb=0, write_mb=0)


def test_the_document_shows_the_gate_and_what_is_missing() -> None:
    known = Figures(project=PROJECT, problems=[Problem(phase="tests", code="x", message="broken | pipe")])
    text = render(known, STANDARD, judge(STANDARD, known), "Audit\nit")
    assert "# Audit of p" in text
    assert "Task: Audit it" in text
    assert "- [ ] Coverage of at least 80%: not measured" in text
    assert "- tests: broken | pipe" in text


def test_missed_objectives_leave_the_audit_completed() -> None:
    known = figures(coverage=10.0)
    ending = completion(known, STANDARD, judge(STANDARD, known), USAGE, [])
    assert ending.status is CompletionStatus.completed
    assert ending.summary.objectives_missed == ["Coverage of at least 80%: 10.00%"]
    assert ending.summary.quality["gate_passed"] is False


def test_a_missing_measurement_makes_it_partial() -> None:
    known = Figures(project=PROJECT, problems=[Problem(phase="tests", code="x", message="broken")])
    ending = completion(known, REPORT_ONLY, [], USAGE, ["report_plan: away"])
    assert ending.status is CompletionStatus.partial
    assert ending.summary.metrics["reports_undelivered"] == ["report_plan: away"]
    assert "its tests cannot be run" in (ending.summary.overview or "")
