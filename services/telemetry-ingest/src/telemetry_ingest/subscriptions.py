"""What arrives on the bus: what workers report and ask, and what services decided."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from contracts import streams
from contracts.batches import DECIDED_BATCH, EVENT_BATCH, Batch
from contracts.decided import DecidedEvent
from contracts.events import Event
from servicekit.bus import BatchConsumer, Bus, DeadLetters, FairShare, Received, foreign_event
from servicekit.clock import Clock
from telemetry_ingest import handlers
from telemetry_ingest.domain import CONSUMERS
from telemetry_ingest.ports import EventLog, LiveTail

Loop = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Gathering:
    """How much is applied in one transaction, and how long it waits for more when there is little."""

    max_events: int
    max_wait_ms: int


def consume_events(
    bus: Bus, dead_letters: DeadLetters, log: EventLog, tail: LiveTail, clock: Clock, gathering: Gathering, stream: str
) -> Loop:
    """A loop that records the events of one stream: what workers report, or what they ask."""
    consumer = CONSUMERS[stream]

    async def record(received: Sequence[Received[Batch[Event]]]) -> None:
        await handlers.ingest(received, consumer, log, tail, clock.now())

    return BatchConsumer(
        bus,
        stream,
        consumer,
        EVENT_BATCH,
        record,
        dead_letters,
        validate=foreign_event,
        fair=FairShare(),
        max_events=gathering.max_events,
        max_wait_ms=gathering.max_wait_ms,
    ).run


def consume_decided(bus: Bus, dead_letters: DeadLetters, log: EventLog, tail: LiveTail, clock: Clock) -> Loop:
    """A loop that records what services decided.

    It learns of new attempts mostly before their events come, so that older ones are known to be stale; what came
    before the news is judged again.
    """
    consumer = CONSUMERS[streams.EVENTS]

    async def record(received: Sequence[Received[Batch[DecidedEvent]]]) -> None:
        await handlers.record_decided(received, consumer, log, tail, clock.now())

    return BatchConsumer(bus, streams.EVENTS, consumer, DECIDED_BATCH, record, dead_letters).run
