"""What leaves on the bus: sealed batches, heartbeats, and the word that this worker leaves."""

from collections.abc import Sequence
from json import dumps
from typing import TypeVar

import nats.errors
from pydantic import ValidationError

from contracts import subjects
from contracts.base import Model
from contracts.reports import Report
from contracts.rpc import RPCS, GetNextTask, NextTask, OpenMailbox
from contracts.workers import Heartbeat
from servicekit.bus import Bus, Outgoing, publish_batches
from servicekit.bus.rpc import RpcError, call
from servicekit.clock import Clock
from servicekit.logs import get_logger
from worker_agent.errors import ServiceRefused, ServiceUnavailable
from worker_agent.ports import SealedBatch

ModelT = TypeVar("ModelT", bound=Model)

FLUSH_TIMEOUT_S = 3
MAILBOX_TIMEOUT_S = 2.0
INSTEAD = "it works again when it is back; go on with what you know, and try later"

log = get_logger(__name__)


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


async def open_mailbox(bus: Bus, worker_id: str) -> None:
    """Ask for the consumers of tasks and commands, which a worker may not make itself.

    Where nobody answers they may be there all the same; whoever finds one missing refreshes the bus, and so asks again.
    """
    subject = subjects.rpc("orchestrator", "open_mailbox", worker_id)
    try:
        await call(bus, subject, OpenMailbox().to_json(), MAILBOX_TIMEOUT_S)
    except RpcError as error:
        log.warning("mailbox_not_opened", error=error.detail)


class BusServices:
    """The services of the platform, by request and reply over NATS."""

    def __init__(self, bus: Bus, worker_id: str, timeout_s: float) -> None:
        self._bus = bus
        self._worker_id = worker_id
        self._timeout_s = timeout_s

    async def ask(self, verb: str, request: Report, wait_ms: int = 0) -> Model:
        """The answer to a verb of `contracts.rpc.RPCS`. Raises ServiceUnavailable, ServiceRefused."""
        rpc = RPCS[verb]
        subject = subjects.rpc(rpc.service, verb, self._worker_id)
        return await self._asked(rpc.service, subject, request, rpc.answer, wait_ms)

    async def next_task(self) -> NextTask:
        """What this worker will be given next. Raises ServiceUnavailable, ServiceRefused."""
        subject = subjects.next_task(self._worker_id)
        return await self._asked("orchestrator", subject, GetNextTask(), NextTask, 0)

    async def _asked(self, service: str, subject: str, request: Report, answer: type[ModelT], wait_ms: int) -> ModelT:
        if not self._bus.connected:
            raise ServiceUnavailable(f"the bus is away, and the {service} with it; {INSTEAD}")
        try:
            payload = await call(self._bus, subject, request.to_json(), self._timeout_s + wait_ms / 1000)
            return answer.model_validate_json(payload)
        except RpcError as error:
            if error.category == "unavailable":
                raise ServiceUnavailable(f"the {service} does not answer; {INSTEAD}") from error
            raise ServiceRefused(f"the {service} refuses: {error.detail} ({error.code})") from error
        except ValidationError as error:
            raise ServiceRefused(f"the {service} answered what this worker cannot read") from error
