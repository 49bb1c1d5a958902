"""What arrives on the bus, each batch once: sorted, and handed on within one transaction."""

from collections.abc import Sequence
from datetime import datetime

from prometheus_client import Counter

from contracts.batches import Batch
from contracts.decided import DecidedEvent
from contracts.events import CollaborationResponseEvent, Event, LearningEvent
from question_broker.decisions.asking import NOT_HELD, Asked
from question_broker.decisions.ending import ended_attempts
from question_broker.decisions.fencing import holders_of, is_foreign, is_stale
from question_broker.decisions.remembering import learnings_of
from question_broker.handlers import collaboration, ruling
from question_broker.handlers.asking import AskingPolicy, ask
from question_broker.ports import Questions, Transaction
from servicekit.bus import DeadLetterSink, Received
from servicekit.metrics import REGISTRY

ENDED = "the attempt has ended"
STALE = Counter("mews_learnings_stale", "Learnings from attempts that had lost their task.", registry=REGISTRY)


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
        shared = [event for event in events if isinstance(event, LearningEvent)]
        if shared:
            await _remember(into, shared, now)


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
        holders = holders_of(news)
        if holders:
            await into.note_holders(holders)
            held = await into.lock_of_tasks(list(holders))
            foreign = [question for question in held if is_foreign(question, holders[question.task_id or ""])]
            await into.close([question.withdrawn(NOT_HELD, now) for question in foreign], now)
            await into.doubt_learnings(holders)
        attempts = ended_attempts(news)
        await into.close_through(attempts)
        await into.close([question.withdrawn(ENDED, now) for question in await into.lock_ended(attempts)], now)
        await ruling.learn(into, news, now)


async def _remember(into: Transaction, shared: Sequence[LearningEvent], now: datetime) -> None:
    """Keep what was learned; what comes from an attempt that has lost its task is kept as stale."""
    tasks = [event.task_id for event in shared if event.task_id]
    # Held until the end, so that who learns of a new attempt at this moment sees what is kept here.
    await into.closed_through(tasks)
    holders = await into.holders(tasks)
    stale = {event.event_id for event in shared if is_stale(event, holders.get(event.task_id or ""))}
    STALE.inc(len(stale))
    await into.remember(learnings_of(shared, stale, now))
