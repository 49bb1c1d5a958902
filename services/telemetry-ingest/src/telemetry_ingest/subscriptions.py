"""What arrives on the bus: events of workers to record, and news of attempts."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from contracts import streams
from contracts.batches import DECIDED_BATCH, EVENT_BATCH, Batch
from contracts.decided import DecidedEvent
from contracts.events import Event
from servicekit.bus import BatchConsumer, Bus, DeadLetters, Received, foreign_event
from servicekit.clock import Clock
from telemetry_ingest import handlers
from telemetry_ingest.ports import EventLog, LiveTail

CONSUMER = "telemetry-ingest"
NEWS_CONSUMER = "telemetry-ingest-events"

Loop = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Gathering:
    """How much is applied in one transaction, and how long it waits for more when there is little."""

    max_events: int
    max_wait_ms: int


def consume_events(
    bus: Bus, dead_letters: DeadLetters, log: EventLog, tail: LiveTail, clock: Clock, gathering: Gathering
) -> Loop:
    """A loop that records what workers report."""

    async def record(received: Sequence[Received[Batch[Event]]]) -> None:
        await handlers.ingest(received, log, tail, clock.now())

    return BatchConsumer(
        bus,
        streams.TELEMETRY,
        CONSUMER,
        EVENT_BATCH,
        record,
        dead_letters,
        validate=foreign_event,
        max_events=gathering.max_events,
        max_wait_ms=gathering.max_wait_ms,
    ).run


def consume_news(bus: Bus, dead_letters: DeadLetters, log: EventLog) -> Loop:
    """A loop that learns of new attempts before their events come, so that older ones are known to be stale."""

    async def note(received: Sequence[Received[Batch[DecidedEvent]]]) -> None:
        await handlers.note_attempts([event for item in received for event in item.batch.events], log)

    return BatchConsumer(bus, streams.EVENTS, NEWS_CONSUMER, DECIDED_BATCH, note, dead_letters).run
