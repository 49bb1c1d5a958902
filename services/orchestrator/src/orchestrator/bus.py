"""What leaves on the bus apart from the outbox: assignments, each its own message."""

import asyncio
from collections.abc import Sequence

from contracts import subjects
from orchestrator.domain import Assigned, AttemptRef
from orchestrator.ports import Store
from servicekit.bus import Bus, Outgoing, publish_batches
from servicekit.clock import Clock
from servicekit.logs import get_logger

GATHER_S = 0.25
"""Marks are gathered for this long: most attempts of short tasks are closed by then and need none."""
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
    message_id = f"{assigned.ref.task_id}.{assigned.ref.attempt}"
    return Outgoing(subjects.task(assigned.worker_id), message_id, assigned.payload)
