"""Real workers and sandboxes under a real orchestrator: they die, are away when it matters, or the task kills them."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from contracts.tasks import FailureClass, TaskView
from devstack.ports import free_port
from orchestrator import app
from servicekit.migrations import run_migrations
from tests.support.buskit import a_bus
from tests.support.orchestrating import FAST, Orchestra, settings_for
from tests.support.sandbox import running_sandbox
from tests.support.stack import Database, TestNats, TestPostgres, run
from tests.support.waiting import eventually
from tests.support.worker_agent import WorkerProcess, worker_process

pytestmark = pytest.mark.timeout(400)

LEASE_MS = 4_000
CRASHES = 2
STOPS_WITHIN_S = 5.0
# A machine that is busy starts a worker slowly: that is no reason to fail.
PATIENCE_S = 100.0
# It ignores TERM, and so do a child of it and one that has left its session.
STUBBORN = (
    "trap '' TERM; "
    "(trap '' TERM; sh -c 'echo $PPID' >> {pids}; sleep 300; sleep 300) & "
    "setsid sh -c \"trap '' TERM; echo \\$\\$ >> {pids}; sleep 300; sleep 300\" & "
    "echo $$ >> {pids}; sleep 300; sleep 300"
)


@dataclass(frozen=True)
class Fleet:
    """An orchestrator and two workers."""

    url: str
    database: Database
    nats: TestNats
    workers: Mapping[str, WorkerProcess]


@pytest.fixture(scope="module")
def fleet(postgres: TestPostgres, nats: TestNats, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder, database, port = tmp_path_factory.mktemp("fleet"), postgres.create(), free_port()
    for name in ("one", "two"):
        (folder / name).mkdir()
    run(run_migrations(app.MIGRATIONS, app.SCHEMA, settings_for(database, nats)))
    given = FAST | {
        "http_port": port,
        "log_level": "warning",
        "lease_ms": LEASE_MS,
        "offline_after_ms": 3_000,
        "quarantine_after": CRASHES,
    }
    env = database.env(app.SCHEMA) | nats.env() | {name.upper(): str(value) for name, value in given.items()}
    with (folder / "orchestrator.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "orchestrator", "serve"], env=os.environ | env, stderr=log)
    try:
        with (
            running_sandbox() as one,
            running_sandbox() as two,
            worker_process(folder / "one", nats, one, WORKER_ID="w1", STOP_GRACE_MS="3000") as first,
            worker_process(folder / "two", nats, two, WORKER_ID="w2", STOP_GRACE_MS="3000") as second,
        ):
            yield Fleet(f"http://127.0.0.1:{port}", database, nats, {"w1": first, "w2": second})
    finally:
        process.kill()
        process.wait()
        postgres.drop(database)


@pytest.fixture
async def o(fleet: Fleet) -> AsyncGenerator[Orchestra]:
    async with a_bus(fleet.nats) as bus, httpx.AsyncClient(base_url=fleet.url, timeout=10) as client:
        orchestra = Orchestra(client, bus, fleet.database.dsn(app.SCHEMA))

        async def all_there() -> bool:
            with suppress(httpx.TransportError):
                items = (await client.get("/v1/workers", params={"status": "online"})).json()["items"]
                return {item["worker_id"] for item in items} == set(fleet.workers)
            return False

        await eventually(all_there, within=PATIENCE_S)
        yield orchestra


def pids_in(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


async def begun(o: Orchestra, pids: Path, processes: int, command: str) -> TaskView:
    """A task that has begun, with so many processes that wrote their ids down."""
    task = await o.create(requirements={"agent": "command", "command": command.format(pids=pids)})
    await eventually(lambda: len(pids_in(pids)) == processes, within=PATIENCE_S)
    return await o.reaches(task.task_id, "running", within=PATIENCE_S)


async def test_the_task_of_a_worker_that_stays_away_runs_elsewhere_and_what_is_left_of_it_ends(
    fleet: Fleet, o: Orchestra, tmp_path: Path
) -> None:
    # The first to come sleeps, the second ends at once.
    once = "echo $$ >> {pids}; test $(wc -l < {pids}) -gt 1 || sleep 300"
    task = await begun(o, tmp_path / "pids", 1, once)
    first = task.assigned_worker or ""
    fleet.workers[first].kill()
    done = await o.reaches(task.task_id, "completed", within=PATIENCE_S)
    assert [(one.worker_id == first, one.state, one.crashes) for one in done.attempts] == [
        (True, "lost", 1),
        (False, "completed", 0),
    ]
    assert done.attempts[0].failure_class is FailureClass.retryable
    [left, _] = pids_in(tmp_path / "pids")
    assert alive([left])
    fleet.workers[first].start()
    await eventually(lambda: not alive([left]), within=PATIENCE_S)

    async def told() -> bool:
        return "task.stale_report" in await o.events(task.task_id)

    await eventually(told, within=PATIENCE_S)
    assert await o.task(task.task_id) == done


async def test_a_cancelled_task_is_gone_in_time_with_all_that_ignores_it(o: Orchestra, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    task = await begun(o, pids, 3, STUBBORN)
    assert len(alive(pids_in(pids))) == 3
    await o.client.post(f"/v1/tasks/{task.task_id}/cancel", json={"reason": "enough"})
    await eventually(lambda: not alive(pids_in(pids)), within=STOPS_WITHIN_S)
    assert [one.state for one in (await o.task(task.task_id)).attempts] == ["cancelled"]


async def test_a_task_that_is_cancelled_while_its_worker_is_away_ends_when_that_is_back(
    fleet: Fleet, o: Orchestra, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    task = await begun(o, pids, 3, STUBBORN)
    worker = fleet.workers[task.assigned_worker or ""]
    worker.kill()
    await o.client.post(f"/v1/tasks/{task.task_id}/cancel", json={"reason": "enough"})
    assert len(alive(pids_in(pids))) == 3
    worker.start()
    await worker.ready(PATIENCE_S)
    await eventually(lambda: not alive(pids_in(pids)), within=STOPS_WITHIN_S)
    ended = await o.task(task.task_id)
    assert (ended.status, [one.state for one in ended.attempts]) == ("cancelled", ["cancelled"])


def note(file: Path, pid: int | None) -> None:
    """Say whom the task may kill."""
    file.unlink(missing_ok=True) if pid is None else file.write_text(str(pid))


@asynccontextmanager
async def supervised(worker: WorkerProcess, pid_file: Path) -> AsyncGenerator[None]:
    """Start the worker again whenever it has died, and write down its process id once it is at work."""

    def is_dead() -> bool:
        return worker.process is not None and worker.process.poll() is not None

    async def supervise() -> None:
        while True:
            if is_dead():
                worker.start()
            with suppress(AssertionError):
                await worker.ready(PATIENCE_S)
                note(pid_file, worker.process.pid if worker.process is not None else None)
                await eventually(is_dead, within=6 * PATIENCE_S)

    supervising = asyncio.create_task(supervise())
    try:
        yield
    finally:
        note(pid_file, None)
        supervising.cancel()
        await asyncio.gather(supervising, return_exceptions=True)


async def test_a_task_that_kills_its_workers_is_quarantined_and_they_work_on(
    fleet: Fleet, o: Orchestra, tmp_path: Path
) -> None:
    worker, pid_file = fleet.workers["w1"], tmp_path / "pid"
    kill = f"while :; do test -e {pid_file} && kill -9 $(cat {pid_file}) && rm {pid_file}; sleep 0.1; done"
    async with supervised(worker, pid_file):
        poison = await o.create(worker_id="w1", max_attempts=9, requirements={"agent": "command", "command": kill})
        failed = await o.reaches(poison.task_id, "failed", within=3 * PATIENCE_S)
        assert failed.failure_class is FailureClass.poison
        assert failed.crashes >= CRASHES
        assert failed.reason is not None
        assert failed.reason.startswith("quarantined: workers died")
        harmless = await o.create(worker_id="w1", requirements={"agent": "command", "command": "true"})
        await o.reaches(harmless.task_id, "completed", within=PATIENCE_S)


async def test_pausing_and_resuming_a_task_keeps_its_workspace(o: Orchestra, tmp_path: Path) -> None:
    go, pids = tmp_path / "go", tmp_path / "pids"
    command = f"echo half > work; echo $$ >> {pids}; until test -e {go}; do sleep 0.1; done; test $(cat work) = half"
    task = await begun(o, pids, 1, command)
    await o.client.post(f"/v1/tasks/{task.task_id}/pause")
    await o.reaches(task.task_id, "paused", within=PATIENCE_S)
    [pid] = pids_in(pids)
    assert psutil.Process(pid).status() == psutil.STATUS_STOPPED
    go.touch()
    await o.client.post(f"/v1/tasks/{task.task_id}/resume")
    done = await o.reaches(task.task_id, "completed", within=PATIENCE_S)
    assert ([one.state for one in done.attempts], pids_in(pids)) == (["completed"], [pid])
