"""What arrives on the bus, each batch once: sorted, and handed on within one transaction."""

from collections.abc import Sequence
from datetime import datetime

from contracts.batches import Batch
from contracts.decided import DecidedEvent
from contracts.events import CollaborationResponseEvent, Event, LearningEvent
from question_broker.decisions.asking import Asked
from question_broker.decisions.ending import ended_attempts
from question_broker.decisions.remembering import learnings_of
from question_broker.handlers import collaboration, ruling
from question_broker.handlers.asking import AskingPolicy, ask
from question_broker.ports import Questions
from servicekit.bus import DeadLetterSink, Received

ENDED = "the attempt has ended"


async def take_events(
    received: Sequence[Received[Batch[Event]]],
    consumer: str,
    questions: Questions,
    dead_letters: DeadLetterSink,
    policy: AskingPolicy,
    now: datetime,
) -> None:
    """Take in what workers ask, what helpers respond, and what was learned."""
    async with questions.transaction() as into:
        events = await into.claim(consumer, received)
        asked = [event for event in events if isinstance(event, Asked)]
        if asked:
            await ask(into, asked, policy, now)
        responses = [event for event in events if isinstance(event, CollaborationResponseEvent)]
        if responses:
            await collaboration.respond(into, responses, dead_letters, now)
        learnings = learnings_of(event for event in events if isinstance(event, LearningEvent))
        if learnings:
            await into.remember(learnings)


async def take_news(
    received: Sequence[Received[Batch[DecidedEvent]]],
    consumer: str,
    questions: Questions,
    dead_letters: DeadLetterSink,
    now: datetime,
) -> None:
    """Follow the tasks made for requests, close the questions of attempts that have ended, learn where tasks work."""
    async with questions.transaction() as into:
        news = await into.claim(consumer, received)
        await collaboration.follow(into, news, dead_letters, now)
        attempts = ended_attempts(news)
        await into.close_through(attempts)
        await into.close([question.withdrawn(ENDED, now) for question in await into.lock_ended(attempts)], now)
        await ruling.learn(into, news, now)
