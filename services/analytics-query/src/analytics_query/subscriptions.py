"""What arrives on the bus: what workers report and ask, and what services decided."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from analytics_query.domain.consumers import CONSUMERS
from analytics_query.handlers.projecting import Projector
from contracts import streams
from contracts.batches import DECIDED_BATCH, EVENT_BATCH, Batch
from contracts.decided import DecidedEvent
from contracts.events import Event
from servicekit.bus import BatchConsumer, Bus, DeadLetters, FairShare, Received, foreign_event

Loop = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Gathering:
    """How much is applied in one transaction, and how long it waits for more when there is little."""

    max_events: int
    max_wait_ms: int


def consume_events(
    bus: Bus, dead_letters: DeadLetters, projector: Projector, gathering: Gathering, stream: str, consumer: str
) -> Loop:
    """A loop that folds the events of one stream into the projections."""

    async def take(received: Sequence[Received[Batch[Event]]]) -> None:
        await projector.project(received, consumer)

    return BatchConsumer(
        bus,
        stream,
        consumer,
        EVENT_BATCH,
        take,
        dead_letters,
        validate=foreign_event,
        fair=FairShare(),
        max_events=gathering.max_events,
        max_wait_ms=gathering.max_wait_ms,
    ).run


def consume_news(bus: Bus, dead_letters: DeadLetters, projector: Projector, gathering: Gathering) -> Loop:
    """A loop that folds what services decided into the projections."""
    consumer = CONSUMERS[streams.EVENTS]

    async def take(received: Sequence[Received[Batch[DecidedEvent]]]) -> None:
        await projector.follow(received, consumer)

    return BatchConsumer(
        bus,
        streams.EVENTS,
        consumer,
        DECIDED_BATCH,
        take,
        dead_letters,
        max_events=gathering.max_events,
        max_wait_ms=gathering.max_wait_ms,
    ).run
