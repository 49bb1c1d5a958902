"""A worker-agent whose tasks attack: each ends with the right reason, and the worker-agent's memory hardly grows."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.support import attacks
from tests.support.other_side import OtherSide, declare, other_side
from tests.support.sandbox import SandboxServer
from tests.support.stack import TestNats, run
from tests.support.worker_agent import WorkerProcess, worker_process

MB = 1024 * 1024
MOST_GROWTH_MB = 20
LOOK_S = 0.02
WORKER_SECRET = "a-secret-of-the-worker"
LIMITS = {"memory_mb": 100, "processes": 40, "output_mb": 25, "disk_mb": 30, "run_ms": 60_000}
SHORT = {"run_ms": 1_500}


@dataclass(frozen=True)
class Attack:
    """A program, what it may use besides the usual limits, and how the attempt must end."""

    code: str
    status: str
    reason: str = ""
    limits: dict[str, int] | None = None


ATTACKS = {
    "gigabyte": Attack(attacks.GIGABYTE, "failed", "more output"),
    "short-lines": Attack(attacks.SHORT_LINES, "failed", "more output", {"output_mb": 3}),
    "no-newline": Attack(attacks.NO_NEWLINE, "failed", "more output"),
    "forks": Attack(attacks.FORKS, "failed", "more "),
    "hundred": Attack(attacks.HUNDRED, "failed", "more processes", {"memory_mb": 200}),
    "hog": Attack(attacks.HOG, "failed", "more memory"),
    "filler": Attack(attacks.FILLER, "failed", "more disk"),
    "deaf": Attack(attacks.DEAF, "timed_out", "longer than it may", SHORT),
    "stops-itself": Attack(attacks.STOPS_ITSELF, "timed_out", "longer than it may", SHORT),
    "daemon": Attack(attacks.DAEMON, "completed"),
    "kills-supervisor": Attack(attacks.KILLS_SUPERVISOR, "failed", "was killed as well"),
    "environments": Attack(attacks.ENVIRONMENTS, "completed"),
}


@pytest.fixture
def nats(nats_server: TestNats) -> TestNats:
    run(declare(nats_server))
    return nats_server


@pytest.fixture
async def side(nats: TestNats) -> AsyncIterator[OtherSide]:
    async with other_side(nats) as made:
        yield made


# Bubblewrap is nothing that the memory of another process depends on, and the attacks take their time.
@pytest.mark.parametrize("mode", ["off"], indirect=True)
@pytest.mark.timeout(300)
async def test_attacks_end_with_the_right_reason_and_cost_the_worker_agent_no_memory(
    tmp_path: Path, nats: TestNats, side: OtherSide, server: SandboxServer
) -> None:
    with worker_process(tmp_path, nats, server, SECRET=WORKER_SECRET) as worker:
        await worker.ready()
        await assign(side, "warm-up", Attack(attacks.GIGABYTE, "failed", "more output", {"output_mb": 2}))
        async with growth_of(worker) as grown_mb:
            for name, attack in ATTACKS.items():
                await assign(side, name, attack)
    print(f"the worker-agent's memory grew by up to {max(grown_mb):.1f} MB")
    assert max(grown_mb) < MOST_GROWTH_MB
    if os.getuid() == 0:
        told = "".join(event.body.content for event in side.of("stream", "task-environments"))
        assert "HOME=" in told
        assert WORKER_SECRET not in told


async def assign(side: OtherSide, name: str, attack: Attack) -> None:
    """Give a task that attacks, and follow it to its outcome, which must be the right one."""
    command = [sys.executable, "-I", "-S", "-u", "-c", attack.code]
    await side.assign(f"task-{name}", agent="command", command=command, limits=LIMITS | (attack.limits or {}))
    outcome = await side.outcome(f"task-{name}", within=100)
    assert outcome.status == attack.status, (name, outcome)
    assert attack.reason in (outcome.reason or ""), (name, outcome)


@asynccontextmanager
async def growth_of(worker: WorkerProcess) -> AsyncGenerator[list[float]]:
    """How much more memory than now a worker-agent has, in MB, again and again until the end."""
    assert worker.process is not None
    memory = psutil.Process(worker.process.pid).memory_info
    before, grown = memory().rss, [0.0]

    async def look() -> None:
        while True:
            grown.append((memory().rss - before) / MB)
            await asyncio.sleep(LOOK_S)

    looking = asyncio.create_task(look())
    try:
        yield grown
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
