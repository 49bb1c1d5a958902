"""One round of scheduling: read the queue, choose, write, and send what was written."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from contracts.decided import DecidedKind
from orchestrator.decisions.matching import Pairing, line_sizes, match
from orchestrator.decisions.placement import busy, obstacle
from orchestrator.decisions.tracing import lineage
from orchestrator.domain import Assigned, AttemptRef, AttemptTrace, Demand, Queued, Worker
from orchestrator.handlers.counting import QUEUE_SECONDS, ROUND_SECONDS, TASKS_ASSIGNED
from orchestrator.handlers.leading import Leader
from orchestrator.handlers.telling import about_task, traits_data
from orchestrator.ports import BusLink, Couriers, Placing, Store
from servicekit.clock import Clock
from servicekit.leader import LostLeadershipError
from servicekit.traces import continued, is_on, reserve, shared

MOST_A_ROUND = 500
MOST_REMEMBERED = 10_000
TOLD_AGAIN_S = 1.0
PATIENCE = timedelta(seconds=5)
"""How long a task may wait for a free slot before it says so."""


class Scheduler:
    """Gives queued tasks to workers. Only the leader's rounds do anything."""

    def __init__(
        self, store: Store, leader: Leader, couriers: Couriers, bus: BusLink, clock: Clock, trace_join_ms: int = 0
    ) -> None:
        self._store = store
        self._leader = leader
        self._couriers = couriers
        self._bus = bus
        self._clock = clock
        self._trace_join_ms = trace_join_ms
        self._demands: dict[str, Demand] = {}
        self._told: dict[str, tuple[str, float]] = {}

    async def round(self) -> bool:
        """Assign what can be assigned now; True if there may be more at once."""
        epoch = self._leader.epoch
        if epoch is None or not self._bus.connected:
            return False
        await self._leader.refresh_fleet()
        started = self._clock.monotonic()
        workers = self._leader.workers
        pairings, stuck = await self._choose(workers)
        try:
            assigned = await self._assign(pairings, epoch) if pairings else []
        except LostLeadershipError as error:
            self._leader.abdicate(error.detail)
            return False
        self._hand_over(assigned, started)
        if stuck:
            await self._explain(stuck, workers)
        if len(assigned) < len(pairings):
            self._leader.note_fleet_change()
        return len(pairings) >= MOST_A_ROUND or 0 < len(assigned) < len(pairings)

    async def _choose(self, workers: Sequence[Worker]) -> tuple[Sequence[Pairing], Mapping[str, Demand]]:
        keys, used = await self._store.waiting_lines()
        if not keys:
            return [], {}
        demands = await self._known(keys)
        sizes = line_sizes(demands, workers, used, MOST_A_ROUND)
        stuck = {key: demand for key, demand in demands.items() if key not in sizes}
        queue = await self._store.queued(sizes, self._clock.now()) if sizes else []
        return match(queue, demands, workers, used)[:MOST_A_ROUND], stuck

    async def _known(self, keys: Sequence[str]) -> dict[str, Demand]:
        unknown = [key for key in keys if key not in self._demands]
        if unknown:
            self._demands |= await self._store.demands(unknown)
        if len(self._demands) > MOST_REMEMBERED:
            self._demands = {key: self._demands[key] for key in keys if key in self._demands}
        return {key: self._demands[key] for key in keys if key in self._demands}

    async def _assign(self, pairings: Sequence[Pairing], epoch: int) -> list[Assigned]:
        now = self._clock.now()
        placings = [_placing(pairing, now, self._trace_join_ms) for pairing in pairings]
        with continued(shared(placing.trace.place if placing.trace else None for placing in placings)):
            return await self._store.assign(placings, epoch=epoch, lease_ms=self._leader.lease_ms, now=now)

    def _hand_over(self, assigned: Sequence[Assigned], started: float) -> None:
        if not assigned:
            return
        now, wall = self._clock.monotonic(), self._clock.now()
        for one in assigned:
            self._leader.leases.grant(one.ref, one.worker_id, now)
            if one.ref.attempt == 1:
                QUEUE_SECONDS.observe((wall - one.created_at).total_seconds())
        self._couriers.send(assigned)
        TASKS_ASSIGNED.inc(len(assigned))
        ROUND_SECONDS.observe(now - started)

    async def _explain(self, stuck: Mapping[str, Demand], workers: Sequence[Worker]) -> None:
        """Say why tasks wait: at once if no worker could ever take them, after a while if all that could are busy."""
        monotonic, now = self._clock.monotonic(), self._clock.now()
        obstacles: dict[str, str] = {}
        waiting: dict[str, str] = {}
        for key, demand in stuck.items():
            reason = obstacle(demand, workers)
            known = self._told.get(key)
            text = reason or busy(demand, workers)
            if known is None or known[0] != text or monotonic - known[1] >= TOLD_AGAIN_S:
                (obstacles if reason else waiting)[key] = text
        if obstacles:
            await self._store.explain(obstacles, now, now)
        if waiting:
            await self._store.explain(waiting, now - PATIENCE, now)
        told = {key: (text, monotonic) for key, text in (obstacles | waiting).items()}
        self._told = {key: value for key, value in (self._told | told).items() if key in stuck}


def _placing(pairing: Pairing, now: datetime, trace_join_ms: int) -> Placing:
    task, worker_id = pairing
    ref = AttemptRef(task.task_id, task.attempt + 1)
    data = traits_data(task.traits) if task.traits is not None else None
    told = about_task(DecidedKind.task_assigned, ref, now, worker_id=worker_id, question_id=task.question_id, data=data)
    return Placing(ref, worker_id, told.json, _trace(task, ref, now, trace_join_ms))


def _trace(task: Queued, ref: AttemptRef, now: datetime, join_ms: int) -> AttemptTrace | None:
    """None where the task is of nobody's trace and none is begun."""
    if task.traceparent is None and not is_on():
        return None
    created_at = task.traits.created_at if task.traits is not None else None
    parent, links = lineage(task.traceparent, task.earlier, ref.attempt, created_at, now, join_ms)
    place = reserve(parent, links)
    return AttemptTrace(place, parent, links, now) if place is not None else None
