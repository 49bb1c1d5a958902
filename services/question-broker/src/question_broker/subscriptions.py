"""What arrives on the bus: what workers ask, and news of attempts that have ended."""

from collections.abc import Awaitable, Callable, Sequence

from contracts import streams
from contracts.batches import DECIDED_BATCH, EVENT_BATCH, Batch
from contracts.decided import DecidedEvent, DecidedKind
from contracts.events import Event
from question_broker import handlers
from question_broker.store import PostgresQuestions
from servicekit import inbox
from servicekit.bus import BatchConsumer, Bus, DeadLetters, Received, foreign_event
from servicekit.clock import Clock

CONSUMER = "question-broker"
NEWS_CONSUMER = "question-broker-events"
ENDINGS = frozenset(
    {
        DecidedKind.task_requeued,
        DecidedKind.task_completed,
        DecidedKind.task_failed,
        DecidedKind.task_cancelled,
        DecidedKind.task_timed_out,
    }
)

Loop = Callable[[], Awaitable[None]]


def consume_questions(bus: Bus, dead_letters: DeadLetters, questions: PostgresQuestions, clock: Clock) -> Loop:
    """A loop that takes in what workers ask."""

    async def take(received: Sequence[Received[Batch[Event]]]) -> None:
        async with questions.transaction() as into:
            fresh = await inbox.claim(into.connection, CONSUMER, received)
            asked = [event for item in fresh for event in item.batch.events]
            await handlers.ask(asked, into, clock.now())

    return BatchConsumer(bus, streams.QUESTIONS, CONSUMER, EVENT_BATCH, take, dead_letters, validate=foreign_event).run


def consume_news(bus: Bus, dead_letters: DeadLetters, questions: PostgresQuestions, clock: Clock) -> Loop:
    """A loop that withdraws the questions of attempts that have ended."""

    async def take(received: Sequence[Received[Batch[DecidedEvent]]]) -> None:
        async with questions.transaction() as into:
            fresh = await inbox.claim(into.connection, NEWS_CONSUMER, received)
            ended = [event for item in fresh for event in item.batch.events if event.kind in ENDINGS]
            await handlers.withdraw(ended, into, clock.now())

    return BatchConsumer(bus, streams.EVENTS, NEWS_CONSUMER, DECIDED_BATCH, take, dead_letters).run
