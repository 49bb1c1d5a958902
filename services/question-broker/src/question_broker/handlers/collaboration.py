"""Requests for collaboration: what the helper says, and what becomes of its task."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from prometheus_client import Counter

from contracts import streams, subjects
from contracts.deadletters import DeadLetterCause
from contracts.decided import DecidedEvent
from contracts.events import CollaborationResponseEvent
from contracts.questions import QuestionState
from question_broker.decisions import helping
from question_broker.decisions.helping import Standing
from question_broker.handlers.asking import break_circles
from question_broker.ports import QuestionWrites, RequestWrites
from servicekit.bus import DeadLetterSink
from servicekit.logs import get_logger
from servicekit.metrics import REGISTRY

CONSUMER = "question-broker"
"""The durable on which workers ask and helpers respond."""
RESPONSES = Counter(
    "mews_collaboration_responses", "Responses of helpers, by what they were worth.", ["standing"], registry=REGISTRY
)

log = get_logger(__name__)


async def respond(
    into: QuestionWrites, said: Sequence[CollaborationResponseEvent], dead_letters: DeadLetterSink, now: datetime
) -> None:
    """Close requests with what their helpers found; who is not the helper changes nothing."""
    before = await into.lock([event.body.question_id for event in said])
    after, early = dict(before), list[CollaborationResponseEvent]()
    for event in said:
        question = after.get(event.body.question_id)
        standing = helping.standing_of(event, question)
        RESPONSES.labels(standing.value).inc()
        if standing is Standing.current and question is not None:
            after[question.question_id] = helping.respond(question, event.body, now)
        elif standing is Standing.early:
            early.append(event)
        else:
            await _set_aside(event, standing, dead_letters, now)
    await into.close([question for question in after.values() if question is not before[question.question_id]], now)
    if early:
        await into.hold(early, now)


async def follow(
    into: RequestWrites, news: Iterable[DecidedEvent], dead_letters: DeadLetterSink, now: datetime
) -> None:
    """Learn who works on requests, hear what they said before it was known, and close those whose task has ended."""
    news = list(news)
    links, ends = helping.links_of(news), helping.ends_of(news)
    if links:
        await into.hold_waiting()
        await into.link(links)
        await into.close(list((await break_circles(into, now)).values()), now)
        held = await into.take_held([link.question_id for link in links])
        if held:
            await respond(into, held, dead_letters, now)
    if ends:
        found = (await into.lock(list(ends))).values()
        still_open = [question for question in found if question.state is QuestionState.open]
        await into.close([helping.closed_by_end(one, ends[one.question_id], now) for one in still_open], now)


async def _set_aside(
    event: CollaborationResponseEvent, standing: Standing, dead_letters: DeadLetterSink, now: datetime
) -> None:
    about = f"{event.worker_id!r} on attempt {event.attempt} of {event.task_id}"
    log.info("response changes nothing", standing=standing.value, question_id=event.body.question_id, by=about)
    if standing is Standing.foreign:
        subject = subjects.for_event(event.kind, event.worker_id, event.task_id)
        reason = f"event {event.event_id}: {about} was not asked to help with {event.body.question_id}"
        await dead_letters.record(
            streams.QUESTIONS,
            subject,
            event.to_json(),
            reason,
            {},
            now,
            delivery=f"response:{event.event_id}",
            cause=DeadLetterCause.foreign,
            durable=CONSUMER,
            event_id=event.event_id,
        )
