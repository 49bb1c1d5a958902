"""What a collector shows of the running system: a short task is one trace, and a retry has one that links back."""

import re
from pathlib import Path

import pytest

from tests.support.mews import END_WITHIN_S, System, manager, states_of
from tests.support.repositories import commit_all, new_repository
from tests.support.spans import Collector, Received, orphans
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)

PROMPT = "Judge the greeting, and say nothing of the otter"
WAY = (
    ("mcp-gateway", "POST /mcp", "server"),
    ("mcp-gateway", "tools/call assign_task", "server"),
    ("mcp-gateway", "POST orchestrator", "client"),
    ("orchestrator", "POST /v1/tasks", "server"),
    ("orchestrator", "send worker.task", "producer"),
    ("worker-agent", "process TASKS", "consumer"),
    ("worker-agent", "accept_attempt", "internal"),
    ("worker-agent", "run_attempt", "internal"),
    ("worker-agent", "invoke_agent auditor", "internal"),
    ("worker-agent", "tools/call report_progress", "server"),
)
"""From what a manager asks to what an agent does for it: each the child of the one before."""
HEARD_BY = ("orchestrator", "telemetry-ingest", "analytics-query")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = new_repository(tmp_path / "repository")
    (made / "test_greeting.py").write_text("def test_greeting():\n    assert 'hello'.upper() == 'HELLO'\n")
    commit_all(made, "Begin")
    return made


async def trace_of(collector: Collector, task_id: str, attempt: int = 1) -> list[Received]:
    """All spans of an attempt's trace, once those that tell of its end are there, in every service that heard."""

    def told() -> list[Received]:
        whole = collector.of("run_attempt", mews_task_id=task_id, mews_task_attempt=attempt)
        spans = collector.of_trace(whole[0].trace_id) if whole else []
        ends = {one.span_id for one in spans if one.name == "send worker.completion"}
        heard = {one.service for one in spans if one.name == "process TELEMETRY" and _after(one, ends)}
        return spans if heard >= set(HEARD_BY) and not orphans(spans) else []

    return await eventually(told, END_WITHIN_S)


async def test_a_short_task_is_one_trace_from_the_managers_call_to_the_last_service(
    system: System, collector: Collector, repository: Path
):
    async with manager(system) as boss:
        task_id = await boss.assign(
            PROMPT, requirements={"repository": str(repository), "quality_gate": "report-only"}, max_attempts=1
        )
        report = await boss.ended(task_id)
    assert report["state"] == "completed", report.get("reason")
    spans = await trace_of(collector, task_id)
    assert not any(one.links - {other.place for other in spans} for one in spans)
    by_id = {one.span_id: one for one in spans}
    (last, *_) = [one for one in spans if one.name == WAY[-1][1]]
    way = [last]
    while way[0].parent_id:
        way.insert(0, by_id[way[0].parent_id])
    assert [(one.service, one.name, one.kind) for one in way] == list(WAY)
    (assigned,) = [one for one in spans if one.name == "send worker.task"]
    assert (assigned.attributes["mews.task.id"], assigned.attributes["mews.task.attempt"]) == (task_id, 1)
    assert assigned.attributes["messaging.destination.name"].startswith("worker.task.")
    phases = {one.name for one in spans if one.parent_id == way[-3].span_id}
    assert {"prepare_attempt", "publish_result", "send worker.completion"} <= phases


async def test_a_retry_has_a_trace_of_its_own_that_links_to_the_request_and_the_attempt_before(
    system: System, collector: Collector
):
    async with manager(system) as boss:
        requirements = {"agent": "command", "command": "exit 3"}
        task_id = await boss.assign(PROMPT, requirements=requirements, max_attempts=2)
        report = await boss.ended(task_id)
    assert states_of(report) == ["failed", "failed"]
    first, second = await trace_of(collector, task_id, 1), await trace_of(collector, task_id, 2)
    (sent,) = [one for one in first if one.name == "send worker.task"]
    (sent_again,) = [one for one in second if one.name == "send worker.task"]
    (request,) = [one for one in first if one.name == "POST /v1/tasks"]
    assert sent_again.parent_id == ""
    assert sent_again.links == {request.place, sent.place}
    (whole,) = [one for one in second if one.name == "run_attempt"]
    assert (whole.failed, whole.attributes["mews.attempt.status"]) == (True, "failed")
    (agent,) = [one for one in second if one.name == "invoke_agent command"]
    assert (agent.attributes["process.exit.code"], agent.attributes["error.type"]) == (3, "failed")


async def test_all_that_was_exported_is_in_the_span_model_and_holds_nothing_that_was_said(
    system: System, collector: Collector
):
    async with manager(system) as boss:
        await boss.ask("monitor_task", task_id="task-of-nobody")
        await boss.call("list_tasks", limit=3)
    await eventually(lambda: collector.of("tools/call list_tasks"), END_WITHIN_S)
    assert len(collector.spans) > len(WAY)
    for one in collector.spans:
        assert one.spec is not None, one
        assert one.texts == "", one
        assert not re.search("otter|exit 3|hello", str(one)), one


def _after(span: Received, ends: set[str]) -> bool:
    return span.parent_id in ends or bool(ends & {link for _, link in span.links})
