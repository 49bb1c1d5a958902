"""What arrives on the bus: what workers ask, respond and have learned, and news of tasks."""

from collections.abc import Awaitable, Callable, Sequence

from contracts import streams
from contracts.batches import DECIDED_BATCH, EVENT_BATCH, Batch
from contracts.decided import DecidedEvent
from contracts.events import Event
from question_broker.handlers import taking
from question_broker.handlers.asking import AskingPolicy
from question_broker.handlers.collaboration import CONSUMER
from question_broker.ports import Questions
from servicekit.bus import BatchConsumer, Bus, DeadLetters, FairShare, Received, foreign_event
from servicekit.clock import Clock

NEWS_CONSUMER = "question-broker-events"

Loop = Callable[[], Awaitable[None]]


def consume_questions(
    bus: Bus, dead_letters: DeadLetters, questions: Questions, policy: AskingPolicy, clock: Clock
) -> Loop:
    """A loop that takes in what workers ask, respond and have learned."""

    async def take(received: Sequence[Received[Batch[Event]]]) -> None:
        await taking.take_events(received, CONSUMER, questions, dead_letters, policy, clock.now())

    return BatchConsumer(
        bus,
        streams.QUESTIONS,
        CONSUMER,
        EVENT_BATCH,
        take,
        dead_letters,
        validate=foreign_event,
        fair=FairShare(),
    ).run


def consume_news(bus: Bus, dead_letters: DeadLetters, questions: Questions, clock: Clock) -> Loop:
    """A loop that follows the tasks made for requests, and withdraws the questions of attempts that have ended."""

    async def take(received: Sequence[Received[Batch[DecidedEvent]]]) -> None:
        await taking.take_news(received, NEWS_CONSUMER, questions, dead_letters, clock.now())

    return BatchConsumer(bus, streams.EVENTS, NEWS_CONSUMER, DECIDED_BATCH, take, dead_letters).run
