import pytest

from contracts.tasks import TaskState
from mcp_gateway.decisions.summaries import evidence, monitor_report, percent, shown_status, summary
from mcp_gateway.domain.outputs import Evidence
from tests.support.views import completed_task, example_facts, example_outcome, queued_task, running_task


def test_a_running_task_shows_what_its_agent_says_it_does() -> None:
    assert shown_status(running_task()) == "executing"


@pytest.mark.parametrize("state", [state for state in TaskState if state is not TaskState.running])
def test_any_other_task_shows_its_state(state: TaskState) -> None:
    assert shown_status(running_task(status=state)) == state.value


def test_a_completed_task_is_done_whatever_was_last_reported() -> None:
    assert percent(completed_task()) == 100


def test_progress_is_the_tasks_own_before_that_of_the_facts() -> None:
    facts = example_facts(percent_complete=40)
    assert percent(running_task(), facts) == 65
    assert percent(running_task(progress=None), facts) == 40
    assert percent(running_task(progress=None, attempt=2), facts) == 0
    assert percent(queued_task()) == 0


def test_a_long_description_is_cut() -> None:
    assert len(summary(queued_task(description="x" * 5_000)).description) == 200


def test_analytics_and_streams_are_there_only_when_asked_for() -> None:
    report = monitor_report(running_task(), facts=example_facts())
    assert report.analytics is None
    assert report.streams is None
    assert len(report.milestones) == 3
    assert monitor_report(running_task(), facts=example_facts(), include_analytics=True).analytics


def test_the_evidence_is_the_tasks_own_before_that_of_the_facts() -> None:
    failed, passed = (example_outcome(passed=passed).to_dict() for passed in (False, True))
    facts = example_facts(outcome=passed, evidence={"quality": "observed"})
    found = evidence(running_task(), facts)
    assert found.verified is not None
    assert found.verified.passed
    assert found.analytics == {"quality": "observed"}
    found = evidence(running_task(analytics=failed), facts)
    assert found.verified is not None
    assert not found.verified.passed


def test_evidence_of_an_unknown_form_is_left_out() -> None:
    known = example_outcome()
    odd = known.to_dict() | {"claimed": {"status": "transcended"}, "discrepancies": "many"}
    found = evidence(running_task(analytics=odd), None)
    assert (found.claimed, found.discrepancies) == (None, [])
    assert found.observed == known.observed
    assert evidence(running_task(), None) == Evidence()


def test_the_list_shows_the_progress_that_monitoring_shows() -> None:
    last = running_task().progress
    for task in (running_task(), running_task(status=TaskState.completed), running_task(status=TaskState.failed)):
        assert summary(task).percent_complete == percent(task)
    assert last is not None
    assert summary(running_task(status=TaskState.completed)).percent_complete == 100 != last.percent_complete
    assert summary(queued_task()).percent_complete is None
