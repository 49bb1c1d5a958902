"""One round of chaos on a running platform: harm while it works, then calm, then the invariants."""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from devstack.admin import DATABASE
from tests.chaos.aging import Past, workspaces_in
from tests.chaos.cluster import Cluster
from tests.chaos.echoes import Echo
from tests.chaos.errands import Errand, make_errands
from tests.chaos.evidence import MARK, Evidence, Task, Worker, read_databases, read_runs, still_alive
from tests.chaos.injecting import Injector
from tests.chaos.invariants import Violation, check, may_heal
from tests.chaos.manager import Gateway, Manager, Refused, Told
from tests.chaos.plan import LONGEST_CALM_S, Plan
from tests.chaos.watching import Watch

LOOK_EVERY_S = 2.0
SHOWN_TASKS = 5
PATIENCE_S = 60.0
SAID_WITHIN_S = 300.0
"""How long the manager may take, after the faults, for what it still has to say."""


@dataclass(frozen=True)
class Outcome:
    """What a round came to. `calm_s` is how long it took after the last fault until all was as it must be."""

    plan: Plan
    evidence: Evidence
    violations: list[Violation]
    took_s: float
    calm_s: float


class Round:
    """One plan on one platform; the evidence of earlier rounds on it is part of its own."""

    def __init__(
        self, cluster: Cluster, plan: Plan, tasks: int, earlier: Evidence | None, tell: Callable[[str], None]
    ) -> None:
        self._cluster = cluster
        self._tell = tell
        self._plan = plan
        self._errands = make_errands(plan.seed, tasks, plan.faults_s)
        self._earlier = earlier
        self._journal = cluster.home / "agents"
        self._journal.mkdir(exist_ok=True)
        self._gateway = Gateway(cluster.gateway_url)
        self._manager = Manager(self._gateway, self._journal)
        self._echo = Echo(cluster.world, plan.seed)
        self._injector = Injector(cluster, plan, self._echo)
        self._watch = Watch(cluster.addresses())
        self._past = Past(cluster.world.layout.workspaces)

    async def run(self) -> Outcome:
        """Do all of it."""
        begun = time.monotonic()
        try:
            async with (
                _beside(self._echo.run()),
                _beside(self._manager.answer_all()),
                _beside(self._watch.run()),
            ):
                async with _administrator(self._cluster) as connection:
                    await self._past.put(connection)
                await self._harm()
                calm_since = time.monotonic()
                evidence, violations = await self._until_calm()
                ended = time.monotonic()
                self._injector.bring_back()
            return Outcome(self._plan, evidence, violations, round(ended - begun, 1), round(ended - calm_since, 1))
        finally:
            await self._gateway.close()

    async def _harm(self) -> None:
        """Faults, and work beside them; then nothing is broken any more, and all is said."""
        working = asyncio.create_task(self._manager.assign_all(self._errands))
        await self._injector.run()
        self._injector.mend()
        with suppress(TimeoutError):
            await asyncio.wait_for(working, SAID_WITHIN_S)

    async def _until_calm(self) -> tuple[Evidence, list[Violation]]:
        """Look until nothing is violated, or nothing has become better for too long."""
        until, least = time.monotonic() + LONGEST_CALM_S, sys.maxsize
        while True:
            with suppress(OSError, asyncpg.PostgresError, httpx.HTTPError, Refused, ValueError):
                await self._cluster.keeper.all_ready(frozenset(self._injector.lost))
                evidence = await self._evidence()
                violations = check(evidence)
                self._tell(_standing(violations))
                if len(violations) < least:
                    until, least = time.monotonic() + LONGEST_CALM_S, len(violations)
                if not may_heal(violations) or time.monotonic() > until:
                    return evidence, violations
            if time.monotonic() > until + PATIENCE_S:
                raise TimeoutError("the platform does not answer")
            await asyncio.sleep(LOOK_EVERY_S)

    async def _evidence(self) -> Evidence:
        async with _administrator(self._cluster) as connection:
            read = await read_databases(connection)
            aged = await self._past.look(connection)
        workers = await self._with_slots(read.pop("workers"))
        runs = await asyncio.to_thread(read_runs, self._journal)
        alive = await asyncio.to_thread(still_alive, runs, str(self._journal))
        mine = Evidence(
            errands=self._errands,
            told=self._manager.told,
            injected=self._injector.done,
            lease_s=self._cluster.tempo.lease_ms / 1000,
            workers=workers,
            shown=await self._shown(read["tasks"]),
            runs=runs,
            alive=alive,
            aged=aged,
            workspaces=workspaces_in(self._cluster.world.layout.workspaces),
            ends=self._cluster.keeper.ends,
            stops=self._injector.stops,
            looks=list(self._watch.looks),
            **read,
        )
        return together(self._earlier, mine)

    async def _shown(self, tasks: Sequence[Task]) -> dict[str, list[str]]:
        """What the manager sees of the last tasks that completed in their first attempt."""
        mine = set(self._manager.told.assigned.values())
        done = [t.task_id for t in tasks if t.task_id in mine and t.status == "completed" and t.attempt == 1]
        shown: dict[str, list[str]] = {}
        for task_id in sorted(done)[-SHOWN_TASKS:]:
            streams = await self._gateway.call("view_realtime_streams", task_id=task_id, last_n=1_000)
            contents = [str(entry["content"]) for entry in streams["entries"]]
            shown[task_id] = [mark for content in contents for mark in MARK.findall(content)]
        return shown

    async def _with_slots(self, workers: list[Worker]) -> list[Worker]:
        shown: list[dict[str, Any]] = (await self._gateway.call("manage_workers", action="list"))["workers"]
        free = {worker["worker_id"]: worker["slots_free"] for worker in shown}
        return [replace(worker, slots_free=free.get(worker.worker_id)) for worker in workers]


def together(earlier: Evidence | None, later: Evidence) -> Evidence:
    """What is known of all rounds on one platform: databases and journals grow, what was told is joined."""
    if earlier is None:
        return later
    a, b = earlier.told, later.told
    told = Told(
        a.assigned | b.assigned,
        a.assigned_at | b.assigned_at,
        a.cancelled_at | b.cancelled_at,
        a.tried | b.tried,
        a.answered | b.answered,
        b.retries,
        b.refusals,
    )
    return replace(
        later,
        told=told,
        errands=[*earlier.errands, *later.errands],
        injected=[*earlier.injected, *later.injected],
        stops=[*earlier.stops, *later.stops],
        looks=[*earlier.looks, *later.looks],
    )


def _standing(violations: Sequence[Violation]) -> str:
    """What does not hold yet, in a line."""
    found = Counter(violation.invariant for violation in violations)
    return ", ".join(f"{name} {times}" for name, times in found.items()) or "all holds"


@asynccontextmanager
async def _beside(work: Any) -> AsyncGenerator[None]:
    """Run something for as long as the block."""
    task = asyncio.create_task(work)
    try:
        yield
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def _administrator(cluster: Cluster) -> AsyncGenerator[asyncpg.Connection]:
    info = cluster.world.endpoints.postgres
    connection = await asyncpg.connect(
        host=info.host, port=info.port, user=info.user, password=info.password, database=DATABASE, timeout=10
    )
    try:
        yield connection
    finally:
        await connection.close()


def write_journal(folder: Path, outcome: Outcome) -> None:
    """Keep the manager's journal beside those of the agents."""
    told = outcome.evidence.told
    (folder / f"manager-{outcome.plan.seed}.json").write_text(json.dumps(told.__dict__, indent=1))


__all__ = ["Errand", "Outcome", "Round", "together", "write_journal"]
