import io
import json
from typing import Any

import pytest
from rich.console import Console

from contracts.questions import QuestionView
from devstack.cli.pictures import JsonView, LinesView, LiveView, entry_lines, head_line, one_line, view_for
from devstack.views import TaskReport
from devstack.watching import Look
from tests.support.views import entry, open_question

REPORT = TaskReport.model_validate(
    {
        "task_id": "task-1",
        "status": "testing",
        "state": "running",
        "percent_complete": 45.4,
        "phase": "testing",
        "current_operation": "Running tests",
        "assigned_worker": "worker-1",
        "attempt": 1,
        "max_attempts": 3,
        "milestones": [
            {
                "milestone_name": "Code measured",
                "milestone_type": "phase_complete",
                "impact": "medium",
                "reached_at": "2026-01-02T10:00:00Z",
            }
        ],
    }
)


def report(**changes: Any) -> TaskReport:
    return TaskReport.model_validate(REPORT.to_dict() | changes)


def plain() -> tuple[Console, io.StringIO]:
    output = io.StringIO()
    return Console(file=output, width=120, highlight=False), output


def test_the_head_says_state_percent_worker_and_operation():
    assert head_line(REPORT) == "running, testing · 45% · worker-1 · Running tests"


def test_the_head_of_a_second_attempt_and_of_a_failure_says_so():
    assert "worker-1 (attempt 2)" in head_line(report(attempt=2))
    failed = report(state="failed", status="failed", reason="the agent exited with 3")
    assert head_line(failed).endswith("the agent exited with 3")


def test_a_queued_task_says_why():
    queued = report(state="queued", status="queued", assigned_worker=None, reason="no worker has a free slot")
    assert head_line(queued) == "queued · 45% · no worker has a free slot"


def test_an_entry_of_several_lines_keeps_them_up_to_a_limit():
    text = "\n".join(str(number) for number in range(50))
    lines = entry_lines(entry("stream", text, "output"))
    assert lines[:2] == ["[output] 0", "  1"]
    assert lines[-1] == "  … 30 more lines"


def test_what_would_move_the_cursor_is_taken_out():
    assert one_line("\x1b[2Jred\x07\u202e\r\n[bold]not markup[/bold]") == "red [bold]not markup[/bold]"
    assert one_line("x" * 1_000, 10) == "x" * 9 + "…"


def test_lines_tell_each_thing_once():
    console, output = plain()
    view = LinesView(console)
    question: QuestionView = open_question()
    asked = report(questions=[question])
    with view:
        view.show(Look(asked, (entry("milestone", "Code measured"),)))
        view.show(Look(asked, ()))
    said = output.getvalue()
    assert said.count("[milestone] Code measured") == 1
    assert said.count("running, testing") == 1
    assert said.count(f"mews answer {question.question_id} TEXT") == 1


def test_the_picture_on_a_terminal_shows_progress_milestones_streams_and_questions():
    output = io.StringIO()
    console = Console(file=output, width=120, height=60, force_terminal=True, highlight=False, color_system=None)
    view = view_for(console)
    assert isinstance(view, LiveView)
    with view:
        view.show(Look(report(questions=[open_question()]), (entry("stream", "[link]thinking[/link]", "thinking"),)))
        with view.aside():
            console.print("in between")
        view.show(Look(REPORT, ()))
    said = output.getvalue()
    for part in ("task-1", "45%", "✓ Code measured", "[thinking] [link]thinking[/link]", "mews answer", "in between"):
        assert part in said, part


def test_json_has_a_line_for_each_look_that_shows_something_new(capsys: pytest.CaptureFixture[str]):
    view = JsonView()
    view.show(Look(REPORT, ()))
    view.show(Look(REPORT, ()))
    view.show(Look(REPORT, (entry("milestone", "Code measured"),)))
    first, second = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (first["task"]["task_id"], first["entries"]) == ("task-1", [])
    assert [shown["content"] for shown in second["entries"]] == ["Code measured"]
