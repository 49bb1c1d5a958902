"""The leader shows how the fleet and the queue stand: the gauges that dashboards, alerts and autoscalers read."""

from collections import Counter

from contracts.workers import WorkerStatus
from orchestrator.handlers.counting import QUARANTINED, QUEUE_OLDEST, SLOTS, TASKS, WORKERS, forget_fleet
from orchestrator.handlers.leading import Leader
from orchestrator.ports import Store
from servicekit.clock import Clock


class Figures:
    """Measures every so often: one statement, however many tasks and workers there are."""

    def __init__(self, store: Store, leader: Leader, clock: Clock) -> None:
        self._store = store
        self._leader = leader
        self._clock = clock

    async def tick(self) -> None:
        """Measure once, if this process leads. One whose reign ran out unnoticed says so here."""
        epoch = self._leader.epoch
        if epoch is None:
            forget_fleet()
            return
        backlog = await self._store.backlog(self._clock.now())
        if self._leader.epoch != epoch:
            return
        for state, many in backlog.tasks.items():
            TASKS.labels(state).set(many)
        QUEUE_OLDEST.set(backlog.oldest_due_s)
        QUARANTINED.set(backlog.quarantined)
        SLOTS.labels("total").set(backlog.slots)
        SLOTS.labels("used").set(backlog.slots_used)
        statuses = Counter(worker.status for worker in self._leader.workers)
        for status in WorkerStatus:
            WORKERS.labels(status.value).set(statuses[status])
