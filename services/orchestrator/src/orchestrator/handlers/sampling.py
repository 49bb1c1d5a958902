"""The leader says how the fleet and the queue stand, every so often: what reports show over time."""

from orchestrator.decisions.sampling import fleet_samples
from orchestrator.handlers.leading import Leader
from orchestrator.handlers.telling import about_fleet
from orchestrator.ports import Store
from servicekit.clock import Clock
from servicekit.leader import LostLeadershipError


class Sampler:
    """Takes samples, if this process leads."""

    def __init__(self, store: Store, leader: Leader, clock: Clock, every_ms: int) -> None:
        self._store = store
        self._leader = leader
        self._clock = clock
        self._every_ms = every_ms

    async def sample(self) -> None:
        """Say once how all stands now; a leader that was replaced meanwhile says nothing."""
        epoch = self._leader.epoch
        if epoch is None:
            return
        queue, now = await self._store.queue_view(), self._clock.now()
        samples = fleet_samples(queue, self._leader.last_heartbeats(), self._every_ms, now)
        try:
            async with self._store.transaction() as session:
                await session.assert_epoch(epoch)
                session.emit(about_fleet(sample, now) for sample in samples)
        except LostLeadershipError as error:
            self._leader.abdicate(error.detail)
