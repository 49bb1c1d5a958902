"""A worker whose clock is an hour ahead, or behind: what it reports bears the platform's time."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from servicekit.clock import SystemClock
from tests.chaos.cluster import wrong_clock
from tests.support.other_side import OtherSide
from tests.support.sandbox import running_sandbox
from tests.support.stack import TestNats
from tests.support.waiting import eventually
from tests.support.worker_agent import WorkerProcess, journal_of, worker_process

HOUR = 3_600
CLOSE = timedelta(seconds=60)
"""Far from the hour, and more than a starved machine takes."""


@pytest.fixture(params=[HOUR, -HOUR], ids=["ahead", "behind"])
def worker(request: pytest.FixtureRequest, tmp_path: Path, nats: TestNats, side: OtherSide) -> Iterator[WorkerProcess]:
    clock = wrong_clock(request.param)
    with running_sandbox(clock) as sandbox, worker_process(tmp_path, nats, sandbox, **clock) as made:
        yield made


async def test_reports_of_a_worker_with_a_wrong_clock_bear_the_right_time(
    worker: WorkerProcess, side: OtherSide
) -> None:
    await worker.ready()
    [corrected] = await eventually(lambda: worker.logged("clock_corrected"))
    assert abs(corrected["offset_s"]) == pytest.approx(HOUR, abs=CLOSE.total_seconds())
    task_id, began = f"task-clock-{corrected['offset_s'] > 0}", SystemClock().now()
    await side.assign(task_id, agent="command", command="echo hello", verify=["true"])
    outcome = await side.outcome(task_id)
    ended = SystemClock().now()
    events = [event for event in side.events if event.task_id == task_id]
    assert {"progress", "stream", "outcome"} <= {event.kind for event in events}
    times = [*(event.occurred_at for event in events), outcome.started_at, outcome.ended_at]
    assert all(began - CLOSE < at < ended + CLOSE for at in times), times
    accepted_at = datetime.fromisoformat(journal_of(worker, task_id)["accepted_at"])
    assert abs(accepted_at - began) > timedelta(minutes=50), "its clock was right"
