"""A worker as the bus sees it: sealed batches of events, published and acknowledged."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from nats.js.api import ConsumerConfig
from nats.js.errors import NotFoundError

from contracts import subjects
from contracts.batches import Batch
from contracts.decided import DecidedEvent
from contracts.events import EventBase
from servicekit.bus import Bus, Outgoing, publish_batches
from servicekit.ids import new_event_id
from tests.support.examples import NOW, event
from tests.support.waiting import eventually


class Producer:
    """Seals and publishes batches under one producer id; numbers count up over all subjects."""

    def __init__(self, bus: Bus, producer: str = "spool-1") -> None:
        self._bus = bus
        self._producer = producer
        self._number = 0
        self._seq = 0
        self.sent: list[Outgoing] = []

    def make(self, kind: str, body: dict[str, Any], **envelope: Any) -> EventBase:
        """An event with a fresh id and the next seq."""
        self._seq += 1
        return event(kind, body, **{"event_id": new_event_id(), "seq": self._seq, "occurred_at": NOW} | envelope)

    async def send(self, *events: EventBase) -> None:
        """Publish events, a batch for each subject, until the broker has them."""
        by_subject: dict[str, list[EventBase]] = defaultdict(list)
        for one in events:
            by_subject[subjects.for_event(one.kind, one.worker_id, one.task_id)].append(one)  # type: ignore[attr-defined]
        await self.publish([self.seal(subject, group) for subject, group in by_subject.items()])

    async def tell(self, *news: DecidedEvent) -> None:
        """Publish domain events."""
        await self.publish([self.seal(subjects.for_decided(one.kind), [one]) for one in news])

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish messages, again if they must, until the broker has them."""
        self.sent.extend(messages)
        await self._bus.wait_ready()

        async def stored() -> bool:
            return all(await publish_batches(self._bus, messages))

        await eventually(stored)

    async def repeat_all(self, number: int) -> None:
        """Publish everything sent so far again, past the broker's own duplicate check."""
        again = [Outgoing(one.subject, f"{one.message_id}-again-{number}", one.payload) for one in self.sent]
        assert all(await publish_batches(self._bus, again))

    def seal(self, subject: str, items: Iterable[Any]) -> Outgoing:
        """The next batch, with these in it; to be published."""
        self._number += 1
        batch = Batch[Any](producer=self._producer, batch=self._number, events=list(items))
        return Outgoing(subject, batch.message_id, batch.to_json())


async def settled(bus: Bus, stream: str, durable: str) -> None:
    """Wait until a durable has all that was published, and nothing left to acknowledge."""
    await eventually(lambda: is_settled(bus, stream, durable))


async def is_settled(bus: Bus, stream: str, durable: str) -> bool:
    """Whether a durable has had all that the stream keeps for it, and has acknowledged it."""
    info = await bus.js.consumer_info(stream, durable)
    if info.num_pending or info.num_ack_pending:
        return False
    # A consumer counts what is pending a moment after the publisher has heard that it is stored.
    delivered = info.delivered.stream_seq if info.delivered else 0
    return delivered >= await _last_of(bus, stream, info.config)


async def _last_of(bus: Bus, stream: str, config: ConsumerConfig) -> int:
    subjects_of_it = config.filter_subjects or ([config.filter_subject] if config.filter_subject else [])
    if not subjects_of_it:
        state = (await bus.js.stream_info(stream)).state
        return state.last_seq if state.messages else 0
    last = 0
    for subject in subjects_of_it:
        with suppress(NotFoundError):
            last = max(last, (await bus.js.get_last_msg(stream, subject)).seq or 0)
    return last
