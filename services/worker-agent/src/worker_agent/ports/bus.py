"""What leaves on the bus, and what is asked over it."""

from collections.abc import Sequence
from typing import Protocol

from contracts.base import Model
from contracts.events.reporting import Report
from contracts.rpc import NextTask
from contracts.workers import Heartbeat
from worker_agent.ports.spool import SealedBatch


class Outbound(Protocol):
    """What leaves on the bus."""

    @property
    def connected(self) -> bool:
        """Whether the bus is there now."""
        ...

    async def wait_connected(self) -> None:
        """Return when the bus is there."""
        ...

    async def publish(self, batches: Sequence[SealedBatch]) -> list[bool]:
        """Publish sealed batches; says of each whether the broker has it."""
        ...

    async def heartbeat(self, heartbeat: Heartbeat) -> None:
        """Show that this worker lives. Lost when the bus is away."""
        ...

    async def end_session(self, worker_id: str, incarnation: str, reason: str) -> None:
        """Say that this process of this worker leaves."""
        ...

    async def round_trip_ms(self) -> float | None:
        """Time to the bus and back; None when it is away."""
        ...


class Services(Protocol):
    """The services of the platform, asked over the bus. Raises ServiceUnavailable, ServiceRefused."""

    async def ask(self, verb: str, request: Report, wait_ms: int = 0) -> Model:
        """The answer to a verb of `contracts.rpc.RPCS`; `wait_ms` is how long the service itself may wait with it."""
        ...

    async def next_task(self) -> NextTask:
        """What this worker will be given next, as things stand."""
        ...
