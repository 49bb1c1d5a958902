"""What arrives on the bus: events of workers to record, and news of attempts."""

from collections.abc import Awaitable, Callable, Sequence

from contracts import streams
from contracts.batches import DECIDED_BATCH, EVENT_BATCH, Batch
from contracts.decided import DecidedEvent
from contracts.events import Event
from servicekit.bus import BatchConsumer, Bus, DeadLetters, Received, foreign_event
from servicekit.clock import Clock
from telemetry_ingest import handlers
from telemetry_ingest.ports import EventLog, LiveTail
from telemetry_ingest.settings import Settings

CONSUMER = "telemetry-ingest"
NEWS_CONSUMER = "telemetry-ingest-events"

Loop = Callable[[], Awaitable[None]]


def consume_events(
    bus: Bus, dead_letters: DeadLetters, log: EventLog, tail: LiveTail, clock: Clock, settings: Settings
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
        max_events=settings.ingest_max_events,
        max_wait_ms=settings.ingest_wait_ms,
    ).run


def consume_news(bus: Bus, dead_letters: DeadLetters, log: EventLog) -> Loop:
    """A loop that learns of new attempts before their events come, so that older ones are known to be stale."""

    async def note(received: Sequence[Received[Batch[DecidedEvent]]]) -> None:
        await handlers.note_attempts([event for item in received for event in item.batch.events], log)

    return BatchConsumer(bus, streams.EVENTS, NEWS_CONSUMER, DECIDED_BATCH, note, dead_letters).run
