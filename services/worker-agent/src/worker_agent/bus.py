"""What leaves on the bus: sealed batches, heartbeats, and the word that this worker leaves."""

from collections.abc import Sequence
from json import dumps

import nats.errors

from contracts import subjects
from contracts.workers import Heartbeat
from servicekit.bus import Bus, Outgoing, publish_batches
from servicekit.clock import Clock
from worker_agent.ports import SealedBatch

FLUSH_TIMEOUT_S = 3


class BusOutbound:
    """Over NATS."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock

    @property
    def connected(self) -> bool:
        """Whether the bus is there now."""
        return self._bus.connected

    async def wait_connected(self) -> None:
        """Return when the bus is there."""
        await self._bus.wait_connected()

    async def publish(self, batches: Sequence[SealedBatch]) -> list[bool]:
        """Publish sealed batches; says of each whether the broker has it."""
        outgoing = [Outgoing(batch.subject, batch.message_id, batch.message) for batch in batches]
        return await publish_batches(self._bus, outgoing)

    async def heartbeat(self, heartbeat: Heartbeat) -> None:
        """Show that this worker lives. Lost when the bus is away."""
        await self._bus.publish_core(subjects.heartbeat(heartbeat.worker_id), heartbeat.to_json())

    async def end_session(self, worker_id: str, reason: str) -> None:
        """Say that this worker leaves."""
        body = dumps({"worker_id": worker_id, "reason": reason, "sent_at": self._clock.now().isoformat()})
        await self._bus.publish_core(subjects.end_session(worker_id), body.encode())

    async def round_trip_ms(self) -> float | None:
        """Time to the bus and back; None when it is away."""
        if not self._bus.connected:
            return None
        start = self._clock.monotonic()
        try:
            await self._bus.nc.flush(FLUSH_TIMEOUT_S)
        except (TimeoutError, nats.errors.Error, OSError):
            return None
        return round((self._clock.monotonic() - start) * 1000, 3)
