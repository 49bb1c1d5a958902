"""The texts of the prompts."""

import re

import pytest

from contracts.tasks import TaskState
from contracts.workers import WorkerStatus
from mcp_gateway.decisions import prompting
from mcp_gateway.domain.prompting import Audience, Period, PlanRollout, TriageFailures, WeeklyReport
from mcp_gateway.mcp.table import TOOLS
from tests.support.views import completed_task, online_worker, open_question, queued_task, running_task


def failed(number: int, reason: str | None = "exited with 1\nat line 3", **changes: object):
    return running_task(f"task-{number}", status=TaskState.failed, reason=reason, **changes)


def texts() -> list[str]:
    asked = open_question()
    return [
        prompting.rollout(PlanRollout(goal="Ship it"), [online_worker()], 2),
        prompting.triage(TriageFailures(), [failed(1)], True),
        prompting.triage(TriageFailures(), [], True),
        *(prompting.report(WeeklyReport(audience=one), [completed_task()], True, [], [asked]) for one in Audience),
        prompting.question(asked, running_task()),
    ]


def test_every_tool_that_a_prompt_names_exists() -> None:
    tools = {entry.name for entry in TOOLS}
    words = {word for text in texts() for word in re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", text)}
    named = {word for word in words if word.split("_")[0] in {name.split("_")[0] for name in tools}}
    assert named <= tools
    assert named >= {"assign_task", "monitor_task", "error_analysis", "performance_report"}


def test_a_rollout_counts_only_the_slots_of_workers_that_take_tasks() -> None:
    fleet = [online_worker("w-1", slots_free=2), online_worker("w-2", slots_free=3, status=WorkerStatus.paused)]
    text = prompting.rollout(PlanRollout(goal="Move to Python 3.13", repository="git@x:y", agent="claude"), fleet, 4)
    assert "Move to Python 3.13" in text
    assert "The fleet now (2 slots free, 4 tasks queued or at work):" in text
    assert "- w-2 (paused, 3 of 3 slots free): agent:auditor, python" in text
    assert "- repository: git@x:y" in text
    assert "- agent: claude" in text


def test_failures_are_counted_by_their_reason() -> None:
    tasks = [failed(1), failed(2), failed(3, "lease ran out"), failed(4, None)]
    text = prompting.triage(TriageFailures(time_range=Period.last_7_days, worker_id="w-1"), tasks, False)
    assert "at least 4 tasks that were created in the last 7 days have failed or timed out." in text
    assert text.index("- 2 × exited with 1\n") < text.index("- 1 × lease ran out")
    assert "- 1 × no reason given" in text
    assert "mews://tasks/task-1 (failed, worker-1, attempt 1): Refactor the authentication module" in text
    assert "of w-1" in text


def test_many_failures_are_not_all_named() -> None:
    text = prompting.triage(TriageFailures(), [failed(number) for number in range(50)], True)
    assert f"The newest {prompting.SHOWN}:" in text
    assert text.count("mews://tasks/") == prompting.SHOWN


def test_a_report_says_how_many_tasks_are_in_which_state() -> None:
    tasks = [completed_task(), completed_task(), queued_task()]
    fleet = [online_worker(), online_worker(status=WorkerStatus.offline)]
    text = prompting.report(WeeklyReport(audience=Audience.management), tasks, False, fleet, [open_question()])
    assert "- tasks created in that time (the newest 3): 1 queued, 2 completed" in text
    assert "- workers: 1 of 2 online" in text
    assert "- open questions of workers: 1" in text
    assert "Write for managers" in text


def test_each_audience_gets_another_report() -> None:
    assert len({prompting.report(WeeklyReport(audience=one), [], True, [], []) for one in Audience}) == len(Audience)


@pytest.mark.parametrize("period", Period)
def test_every_period_has_a_length(period: Period) -> None:
    assert prompting.length_of(period).total_seconds() >= 3_600


def test_a_question_is_shown_with_its_options_and_its_task() -> None:
    text = prompting.question(open_question(), running_task())
    assert "worker-1 asks (technical, medium):\n\nWhich framework?" in text
    assert "Options: passport | authlib\nWithout an answer it goes on with: authlib" in text
    assert "It works on: Refactor the authentication module" in text
    assert "question_id q-1" in text
    assert "It works on" not in prompting.question(open_question(options=[]), None)
