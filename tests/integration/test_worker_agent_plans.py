"""Progress, plans and the end: what an agent says must fit what it has said before, also after a restart."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from contracts.tasks import CollaborationTerms
from tests.support.other_side import OtherSide, other_side
from tests.support.worker_agent import Bench, agent_client, journal_of, worker_bench

REPOSITORY_TASK = {"agent": "command", "command": "echo up; sleep 600"}
HELP = CollaborationTerms(question_id="q-9", collaboration_type="code_review", from_worker="worker-2")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with worker_bench(tmp_path_factory.mktemp("bench"), WORKER_TOOL_PROFILE="core", MAX_CONCURRENT_TASKS="9") as made:
        yield made


@pytest.fixture
async def side(bench: Bench) -> AsyncIterator[OtherSide]:
    async with other_side(bench.nats) as made:
        yield made


async def begin(side: OtherSide, task_id: str, collaboration: CollaborationTerms | None = None) -> None:
    await side.assign(task_id, collaboration=collaboration, **REPOSITORY_TASK)
    await side.first("stream", task_id)


async def call(bench: Bench, task_id: str, name: str, **arguments: Any) -> Any:
    async with agent_client(bench.worker, task_id) as client:
        return await client.call_tool(name, arguments)


def text(result: Any) -> str:
    return result.content[0].text


async def restart(bench: Bench) -> None:
    bench.worker.kill()
    bench.worker.start()
    await bench.worker.ready()


async def test_progress_that_goes_backwards_needs_a_reason_even_after_a_restart(bench: Bench, side: OtherSide) -> None:
    await begin(side, "task-back")
    await call(bench, "task-back", "report_progress", status="executing", metrics={"percent_complete": 60})
    await restart(bench)
    refused = await call(bench, "task-back", "report_progress", status="executing", metrics={"percent_complete": 40})
    assert refused.is_error
    assert "metrics.percent_complete: given 40, but 60 was reported before" in text(refused)
    less = {"status": "executing", "metrics": {"percent_complete": 40}, "reason": "the suite was wrong"}
    assert not (await call(bench, "task-back", "report_progress", **less)).is_error
    assert not (
        await call(bench, "task-back", "report_progress", status="testing", metrics={"percent_complete": 41})
    ).is_error


async def test_work_is_complete_when_its_plan_is_even_after_a_restart(bench: Bench, side: OtherSide) -> None:
    await begin(side, "task-plan")
    steps = [{"description": "read"}, {"description": "write", "step_id": "w"}]
    await call(bench, "task-plan", "report_plan", plan_type="overall", steps=steps)
    await call(bench, "task-plan", "update_plan_step", step_id="1", status="completed")
    await restart(bench)
    unknown = await call(bench, "task-plan", "update_plan_step", step_id="2", status="completed")
    assert "step_id: given '2', but the steps are: overall: 1, w [step_unknown]" in text(unknown)
    refused = await call(bench, "task-plan", "report_completion", status="completed")
    assert refused.is_error
    assert "overall step 'w' (pending: write)" in text(refused)
    assert journal_of(bench.worker, "task-plan").get("claim") is None
    await call(bench, "task-plan", "update_plan_step", step_id="w", status="skipped", note="not needed")
    assert not (await call(bench, "task-plan", "report_completion", status="completed")).is_error


async def test_a_part_of_the_work_may_end_with_open_steps(bench: Bench, side: OtherSide) -> None:
    await begin(side, "task-part")
    await call(bench, "task-part", "report_plan", plan_type="phase", steps=[{"description": "a"}])
    assert not (await call(bench, "task-part", "report_completion", status="partial")).is_error


async def test_in_the_core_profile_a_tool_that_is_not_listed_says_how_to_get_it(bench: Bench, side: OtherSide) -> None:
    await begin(side, "task-core")
    async with agent_client(bench.worker, "task-core") as client:
        listed = [tool.name for tool in (await client.list_tools()).tools]
    assert len(listed) <= 14
    assert "report_benchmark" not in listed
    refused = await call(bench, "task-core", "report_benchmark", benchmark_name="b", value=1, unit="ms")
    assert refused.is_error
    assert 'request_resources(resource_type="tool_access", amount_needed="report_benchmark")' in text(refused)


async def test_what_core_leaves_out_of_a_list_is_taken_all_the_same(bench: Bench, side: OtherSide) -> None:
    await begin(side, "task-lean")
    result = await call(bench, "task-lean", "report_progress", status="x", metrics={"files_analyzed": 3})
    assert (await side.event(result.structured_content["event_id"])).body.metrics.files_analyzed == 3
