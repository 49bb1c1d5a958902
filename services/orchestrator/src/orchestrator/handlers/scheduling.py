"""One round of scheduling: read the queue, choose, write, and send what was written."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from contracts.decided import DecidedKind
from orchestrator.decisions.matching import Pairing, line_sizes, match
from orchestrator.decisions.placement import busy, obstacle
from orchestrator.domain import Assigned, Demand, Worker
from orchestrator.handlers.counting import ROUND_SECONDS, TASKS_ASSIGNED
from orchestrator.handlers.leading import Leader
from orchestrator.handlers.telling import about_task
from orchestrator.ports import BusLink, Couriers, Session, Store
from servicekit.clock import Clock
from servicekit.leader import LostLeadershipError

MOST_A_ROUND = 500
TOLD_AGAIN_S = 1.0
PATIENCE = timedelta(seconds=5)
"""How long a task may wait for a free slot before it says so."""


class Scheduler:
    """Gives queued tasks to workers. Only the leader's rounds do anything."""

    def __init__(self, store: Store, leader: Leader, couriers: Couriers, bus: BusLink, clock: Clock) -> None:
        self._store = store
        self._leader = leader
        self._couriers = couriers
        self._bus = bus
        self._clock = clock
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
        try:
            async with self._store.transaction() as session:
                pairings, stuck = await self._choose(session, workers)
                assigned = await self._assign(session, pairings, epoch) if pairings else []
        except LostLeadershipError as error:
            self._leader.abdicate(error.detail)
            return False
        self._hand_over(assigned, started)
        await self._explain(stuck, workers)
        if len(assigned) < len(pairings):
            self._leader.note_fleet_change()
        return len(pairings) >= MOST_A_ROUND or 0 < len(assigned) < len(pairings)

    async def _choose(
        self, session: Session, workers: Sequence[Worker]
    ) -> tuple[Sequence[Pairing], Mapping[str, Demand]]:
        demands = await self._waiting(session)
        if not demands:
            return [], {}
        used = await session.live_counts()
        sizes = line_sizes(demands, workers, used, MOST_A_ROUND)
        stuck = {key: demand for key, demand in demands.items() if key not in sizes}
        queue = await session.queued(sizes, self._clock.now()) if sizes else []
        pairings = match(queue, demands, workers, used)[:MOST_A_ROUND]
        return pairings, stuck

    async def _waiting(self, session: Session) -> dict[str, Demand]:
        keys = await session.waiting_lines()
        unknown = [key for key in keys if key not in self._demands]
        if unknown:
            self._demands |= await session.demands(unknown)
        self._demands = {key: self._demands[key] for key in keys if key in self._demands}
        return self._demands

    async def _assign(self, session: Session, pairings: Sequence[Pairing], epoch: int) -> list[Assigned]:
        now = self._clock.now()
        await session.assert_epoch(epoch)
        assigned = await session.assign(pairings, epoch=epoch, lease_ms=self._leader.lease_ms, now=now)
        session.emit(about_task(DecidedKind.task_assigned, one.ref, now, worker_id=one.worker_id) for one in assigned)
        return assigned

    def _hand_over(self, assigned: Sequence[Assigned], started: float) -> None:
        if not assigned:
            return
        now = self._clock.monotonic()
        for one in assigned:
            self._leader.leases.grant(one.ref, one.worker_id, now)
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
