"""What arrives on the bus: what workers report, and what they ask."""

from collections.abc import Awaitable, Callable, Sequence

from analytics_query import handlers
from analytics_query.settings import Settings
from analytics_query.store import PostgresTransaction
from contracts.batches import EVENT_BATCH, Batch
from contracts.events import Event
from servicekit import inbox
from servicekit.bus import BatchConsumer, Bus, DeadLetters, Received, foreign_event
from servicekit.pg import Database

TELEMETRY_CONSUMER = "analytics-query"
QUESTIONS_CONSUMER = "analytics-query-questions"

Loop = Callable[[], Awaitable[None]]


def consume_events(
    bus: Bus, dead_letters: DeadLetters, database: Database, settings: Settings, stream: str, consumer: str
) -> Loop:
    """A loop that folds the events of one stream into the projections."""

    async def take(received: Sequence[Received[Batch[Event]]]) -> None:
        async with database.transaction() as connection:
            fresh = await inbox.claim(connection, consumer, received)
            events = (event for item in fresh for event in item.batch.events)
            await handlers.project(events, PostgresTransaction(connection))

    return BatchConsumer(
        bus,
        stream,
        consumer,
        EVENT_BATCH,
        take,
        dead_letters,
        validate=foreign_event,
        max_events=settings.projection_max_events,
        max_wait_ms=settings.projection_wait_ms,
    ).run
