"""The bus beyond outbox and reports: assignments, each its own message, and what lies there for workers."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from contracts import spans, subjects
from contracts.rpc import CheckpointFound, Mailbox
from contracts.streams import CHECKPOINTS
from orchestrator.domain import Assigned, AttemptRef
from orchestrator.errors import CheckpointsAway
from orchestrator.ports import Store
from servicekit.bus import Bus, Outgoing, ensure_worker_consumers, publish_batches
from servicekit.bus.objects import Objects, ObjectsAway
from servicekit.bus.tracing import about
from servicekit.clock import Clock
from servicekit.logs import get_logger
from servicekit.traces import TRACEPARENT, SpanKind, is_on, record

GATHER_S = 2.0
"""Marks are gathered for this long: most attempts have begun or ended by then, which marks them too."""
LONGEST_ANSWER_S = 2.0
ANSWERS_A_LEASE = 5

log = get_logger(__name__)


class AssignmentCouriers:
    """Publishes assignments, and marks those that the broker has taken. What fails is left to the relay."""

    def __init__(self, bus: Bus, store: Store, clock: Clock) -> None:
        self._bus = bus
        self._store = store
        self._clock = clock
        self._to_send: list[Assigned] = []
        self._to_mark: list[AttemptRef] = []
        self._on_the_way: set[AttemptRef] = set()
        self._has_mail = asyncio.Event()
        self._has_marks = asyncio.Event()

    def send(self, assigned: Sequence[Assigned]) -> None:
        """Publish soon; what fails is found again by the relay."""
        self._to_send += assigned
        self._on_the_way.update(one.ref for one in assigned)
        self._has_mail.set()

    def on_the_way(self, ref: AttemptRef) -> bool:
        """Whether this process is publishing it, or has and is about to mark it."""
        return ref in self._on_the_way

    async def publish(self) -> None:
        """Publish until cancelled."""
        while True:
            await self._has_mail.wait()
            self._has_mail.clear()
            mail, self._to_send = self._to_send, []
            stored = await publish_batches(self._bus, [_message(one) for one in mail])
            if is_on():
                _tell(mail, stored, self._clock.now())
            self._to_mark += [one.ref for one, is_stored in zip(mail, stored, strict=True) if is_stored]
            self._on_the_way.difference_update(
                one.ref for one, is_stored in zip(mail, stored, strict=True) if not is_stored
            )
            self._has_marks.set()

    async def mark(self) -> None:
        """Mark what has been published in the next moment, once there is something."""
        await self._has_marks.wait()
        await asyncio.sleep(GATHER_S)
        self._has_marks.clear()
        refs, self._to_mark = self._to_mark, []
        try:
            if refs:
                await self._store.mark_published(refs, self._clock.now())
        finally:
            # Without its mark an assignment is published once more, under the same message id: harmless.
            self._on_the_way.difference_update(refs)


class WorkerMailboxes:
    """The consumers of workers, which may not make them: whoever makes one says what it delivers, and where."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def open(self, worker_id: str) -> Mailbox:
        """Make those of one worker, unless they are there."""
        tasks, commands = await ensure_worker_consumers(self._bus.js, worker_id)
        return Mailbox(tasks=tasks, commands=commands)


class SavedCheckpoints:
    """The bucket of checkpoints, as this service may read it: each part alone, so that memory stays bounded."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def find(self, owner: str, key: str) -> CheckpointFound | None:
        """What is known of a worker's checkpoint; None when there is none. Raises CheckpointsAway."""
        try:
            found = await self._objects.find(CHECKPOINTS, owner, key)
        except ObjectsAway as error:
            raise CheckpointsAway(str(error)) from error
        if found is None:
            return None
        return CheckpointFound(
            slot=found.slot,
            parts=found.parts,
            size_bytes=found.size_bytes,
            digest=found.digest,
            stored_at=found.stored_at,
        )

    async def part(self, owner: str, key: str, slot: int, number: int) -> bytes | None:
        """A part of its content; None when it is not there. Raises CheckpointsAway."""
        try:
            return await self._objects.part(CHECKPOINTS, owner, key, slot, number)
        except ObjectsAway as error:
            raise CheckpointsAway(str(error)) from error


class Link:
    """Whether the bus is there. A broker that takes a good part of a lease to answer was not."""

    def __init__(self, bus: Bus, lease_ms: int) -> None:
        self._bus = bus
        self._within_s = min(LONGEST_ANSWER_S, lease_ms / 1000 / ANSWERS_A_LEASE)

    @property
    def connected(self) -> bool:
        """What the client believes."""
        return self._bus.connected

    async def answers(self) -> bool:
        """Whether the broker answers now."""
        if not self._bus.connected:
            return False
        try:
            async with asyncio.timeout(self._within_s):
                await self._bus.flush()
        except (TimeoutError, OSError) as error:
            log.warning("the broker does not answer", error=repr(error))
            return False
        return self._bus.connected


def _message(assigned: Assigned) -> Outgoing:
    subject, headers = (
        subjects.task(assigned.worker_id),
        {TRACEPARENT: assigned.trace.place} if assigned.trace else None,
    )
    return Outgoing(subject, _message_id(assigned), assigned.payload, headers)


def _message_id(assigned: Assigned) -> str:
    return f"{assigned.ref.task_id}.{assigned.ref.attempt}"


def _tell(mail: Sequence[Assigned], stored: Sequence[bool], now: datetime) -> None:
    """The span of each assignment, but for those that another process, or an earlier try, has told of."""
    for one, is_stored in zip(mail, stored, strict=True):
        if one.trace is None or one.trace.begun_at is None:
            continue
        begun_at, waited = one.trace.begun_at, one.trace.begun_at - one.created_at
        record(
            "send worker.task",
            begun_at,
            now,
            parent=one.trace.parent,
            place=one.trace.place,
            kind=SpanKind.PRODUCER,
            attributes=about(subjects.task(one.worker_id), "send")
            | {
                "messaging.destination.template": subjects.task("{worker_id}"),
                "messaging.message.id": _message_id(one),
                spans.TASK_ID: one.ref.task_id,
                spans.ATTEMPT: one.ref.attempt,
                spans.WORKER_ID: one.worker_id,
                spans.WAITED_MS: waited // timedelta(milliseconds=1),
            },
            links=one.trace.links,
            error=None if is_stored else "not_stored",
        )
