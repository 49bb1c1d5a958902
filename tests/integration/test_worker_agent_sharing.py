"""What agents say to other workers: learnings, and answers to those that asked for help."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.tasks import CollaborationTerms
from tests.support.other_side import OtherSide, other_side
from tests.support.worker_agent import Bench, agent_client, worker_bench

COMMAND = {"agent": "command", "command": "echo up; sleep 600"}
HELP = CollaborationTerms(question_id="q-9", collaboration_type="code_review", from_worker="worker-2")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with worker_bench(tmp_path_factory.mktemp("bench")) as made:
        yield made


@pytest.fixture
async def side(bench: Bench) -> AsyncIterator[OtherSide]:
    async with other_side(bench.nats) as made:
        yield made


async def call(bench: Bench, task_id: str, name: str, **arguments: Any) -> Any:
    async with agent_client(bench.worker, task_id) as client:
        return await client.call_tool(name, arguments)


async def test_a_learning_is_about_the_tasks_repository_unless_it_says_otherwise(
    bench: Bench, side: OtherSide, tmp_path: Path
) -> None:
    repository = str(tmp_path)
    await side.assign("task-learn", repository=repository, **COMMAND)
    for given, expected in ((None, repository), ("https://x.example/y.git", "https://x.example/y.git"), ("*", None)):
        more = {"repository": given} if given else {}
        result = await call(bench, "task-learn", "share_learning", title="t", content="c", **more)
        assert (await side.event(result.structured_content["event_id"])).body.repository == expected


async def test_only_the_worker_that_was_asked_can_answer(bench: Bench, side: OtherSide) -> None:
    await side.assign("task-help", collaboration=HELP, **COMMAND)
    await side.assign("task-own", **COMMAND)
    wrong = await call(bench, "task-help", "respond_to_collaboration", question_id="q-8", status="accepted")
    assert "question_id: given 'q-8', but this task answers 'q-9'" in wrong.content[0].text
    nobody = await call(bench, "task-own", "respond_to_collaboration", question_id="q-9", status="accepted")
    assert "no worker asked for this task" in nobody.content[0].text
    right = await call(bench, "task-help", "respond_to_collaboration", question_id="q-9", status="accepted")
    assert (await side.event(right.structured_content["event_id"])).kind == "collaboration_response"
