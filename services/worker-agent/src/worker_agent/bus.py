"""What leaves on the bus: sealed batches, heartbeats, and the word that this worker leaves."""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice
from json import dumps
from typing import NamedTuple, TypeVar

import nats.errors
from pydantic import ValidationError

from contracts import spans, subjects
from contracts.base import Model
from contracts.reports import Report
from contracts.rpc import RPCS, GetNextTask, NextTask, OpenMailbox
from contracts.workers import Heartbeat
from servicekit.bus import Bus, Outgoing, publish_batches
from servicekit.bus.rpc import RpcError, call
from servicekit.bus.tracing import about
from servicekit.clock import Clock
from servicekit.logs import get_logger
from servicekit.traces import TRACEPARENT, SpanKind, is_on, record, reserve
from worker_agent.decisions.tracing import named_in
from worker_agent.domain import AttemptKey
from worker_agent.errors import ServiceRefused, ServiceUnavailable
from worker_agent.ports import SealedBatch

ModelT = TypeVar("ModelT", bound=Model)

FLUSH_TIMEOUT_S = 3
MAILBOX_TIMEOUT_S = 2.0
INSTEAD = "it works again when it is back; go on with what you know, and try later"

log = get_logger(__name__)


def nobodys(_key: AttemptKey) -> None:
    """For who sends nothing of attempts."""


class BusOutbound:
    """Over NATS."""

    def __init__(self, bus: Bus, clock: Clock, trace_of: Callable[[AttemptKey], str | None] = nobodys) -> None:
        self._bus = bus
        self._clock = clock
        self._trace_of = trace_of

    @property
    def connected(self) -> bool:
        """Whether the bus is there now."""
        return self._bus.connected

    async def wait_connected(self) -> None:
        """Return when the bus is there."""
        await self._bus.wait_connected()

    async def publish(self, batches: Sequence[SealedBatch]) -> list[bool]:
        """Publish sealed batches; says of each whether the broker has it."""
        begun_at, sent = self._clock.now(), [self._placed(batch) for batch in batches]
        stored = await publish_batches(self._bus, [one.outgoing for one in sent])
        if is_on():
            now = self._clock.now()
            for one, is_stored in zip(sent, stored, strict=True):
                _tell(one, begun_at, now, None if is_stored else "not_stored")
        return stored

    def _placed(self, batch: SealedBatch) -> "_Sent":
        """With the trace of its first events' attempt."""
        named = islice(named_in(batch.message), None if is_on() else 1)
        traces = [trace for key in named if (trace := self._trace_of(key)) is not None]
        place = reserve(traces[0], traces[1:]) if traces else None
        headers = {TRACEPARENT: place} if place is not None else None
        return _Sent(Outgoing(batch.subject, batch.message_id, batch.message, headers), place, traces)

    async def heartbeat(self, heartbeat: Heartbeat) -> None:
        """Show that this worker lives. Lost when the bus is away."""
        await self._bus.publish_core(subjects.heartbeat(heartbeat.worker_id), heartbeat.to_json())

    async def end_session(self, worker_id: str, incarnation: str, reason: str) -> None:
        """Say that this process of this worker leaves."""
        sent_at = self._clock.now().isoformat()
        body = dumps({"worker_id": worker_id, "incarnation": incarnation, "reason": reason, "sent_at": sent_at})
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


class _Sent(NamedTuple):
    """A message on its way: the place of its span, and the attempts that it has events of."""

    outgoing: Outgoing
    place: str | None
    traces: list[str]


def _tell(sent: _Sent, begun_at: datetime, ended_at: datetime, error: str | None) -> None:
    if sent.place is None:
        return
    subject = sent.outgoing.subject
    address = subjects.parse(subject)
    record(
        f"send {address.family}",
        begun_at,
        ended_at,
        parent=sent.traces[0],
        place=sent.place,
        kind=SpanKind.PRODUCER,
        attributes=about(subject, "send")
        | {
            "messaging.destination.template": address.template,
            "messaging.message.id": sent.outgoing.message_id,
            spans.WORKER_ID: address.worker_id,
        },
        links=sent.traces[1:],
        error=error,
    )


class MailboxOpener:
    """Asks for the consumers of tasks and commands, which a worker may not make itself."""

    def __init__(self, bus: Bus, worker_id: str) -> None:
        self._bus = bus
        self._subject = subjects.rpc("orchestrator", "open_mailbox", worker_id)
        self._told = ""

    async def open(self) -> None:
        """Ask. Where nobody answers they may be there all the same; whoever finds one missing has this called again."""
        try:
            await call(self._bus, self._subject, OpenMailbox().to_json(), MAILBOX_TIMEOUT_S)
        except RpcError as error:
            self._tell(error.detail)
        else:
            self._told = ""

    def _tell(self, why: str) -> None:
        """What is new: the same is the case again and again while the orchestrator is away."""
        if why != self._told:
            self._told = why
            log.warning("mailbox_not_opened", error=why)


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
