"""Workspaces that nobody needs are removed: those that ended when room is short, and those that nobody knows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from contracts.sandbox import EmptySource
from tests.support.other_side import other_side
from tests.support.waiting import eventually
from tests.support.worker_agent import Bench, worker_bench
from worker_agent.handlers.tidying import Tidying
from worker_agent.sandboxes import UnixSandbox

FILL = "head -c 3000000 /dev/zero > data; true"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with worker_bench(tmp_path, WORKSPACE_BUDGET_MB="7", WORKSPACE_RETENTION_MS="3600000") as made:
        yield made


@pytest.mark.timeout(300)
async def test_the_oldest_workspaces_go_when_all_take_more_than_the_budget(bench: Bench) -> None:
    sandbox = UnixSandbox(str(bench.sandbox.socket))
    try:
        async with other_side(bench.nats) as side:
            for number in range(3):
                await side.assign(f"task-{number}", agent="command", command=FILL)
                assert (await side.outcome(f"task-{number}", within=60)).status == "completed"

        async def left() -> bool:
            return await sandbox.workspace_names() == ["task-1.1", "task-2.1"]

        await eventually(left, within=60)

        async def counted() -> bool:
            return 'mews_workspaces_removed_total{why="budget"} 1.0' in await bench.worker.metrics()

        await eventually(counted)
        # What is not known here goes by its age, and what is known stays.
        await sandbox.create_workspace("lost.1", EmptySource())
        tidying = Tidying(cast(Any, SimpleNamespace(sandbox=sandbox)))
        now = datetime.now(UTC)  # noqa: TID251
        await tidying.remove_abandoned({"task-1.1", "task-2.1"}, now - timedelta(hours=1))
        assert "lost.1" in await sandbox.workspace_names()
        await tidying.remove_abandoned({"task-1.1", "task-2.1"}, now + timedelta(hours=1))
        assert await left()
    finally:
        await sandbox.close()
