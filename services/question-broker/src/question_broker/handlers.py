"""One function for each thing this service does: load, decide, save, in one transaction."""

from collections.abc import Sequence
from datetime import datetime

from contracts.batches import Batch
from contracts.decided import DecidedEvent
from contracts.events import Event
from contracts.questions import NewAnswer, QuestionState
from question_broker.decisions.answering import answer as decide_answer
from question_broker.decisions.asking import Asked, question_of
from question_broker.decisions.ending import ended_attempts
from question_broker.domain import Question
from question_broker.errors import QuestionNotFound
from question_broker.ports import Questions
from servicekit.bus import Received

EXPIRED_AT_ONCE = 200
ENDED = "the attempt has ended"


async def ask(received: Sequence[Received[Batch[Event]]], consumer: str, questions: Questions, now: datetime) -> None:
    """Take in what workers asked, each batch once; a question of an ended attempt is withdrawn at once."""
    async with questions.transaction() as into:
        events = [event for event in await into.claim(consumer, received) if isinstance(event, Asked)]
        closed = await into.closed_through([event.task_id for event in events if event.task_id])
        new = await into.add([question_of(event, closed.get(event.task_id or "", 0)) for event in events])
        await into.announce(new)
        await into.close([question for question in new if question.state is not QuestionState.open], now)


async def answer(question_id: str, given: NewAnswer, questions: Questions, now: datetime) -> Question:
    """Answer an open question: the first answer wins. Raises QuestionNotFound, QuestionClosed."""
    async with questions.transaction() as into:
        question = await into.lock(question_id)
        if question is None:
            raise not_found(question_id)
        answered = decide_answer(question, given, now)
        if answered is None:
            return question
        await into.close([answered], now)
        return answered


async def expire(questions: Questions, now: datetime) -> int:
    """Close questions whose deadline is over with their defaults; returns how many."""
    async with questions.transaction() as into:
        due = await into.lock_due(now, EXPIRED_AT_ONCE)
        await into.close([question.expired(now) for question in due], now)
        return len(due)


async def withdraw(
    received: Sequence[Received[Batch[DecidedEvent]]], consumer: str, questions: Questions, now: datetime
) -> None:
    """Close the open questions of attempts that have ended, and refuse those still on their way."""
    async with questions.transaction() as into:
        attempts = ended_attempts(await into.claim(consumer, received))
        await into.close_through(attempts)
        await into.close([question.withdrawn(ENDED, now) for question in await into.lock_ended(attempts)], now)


def not_found(question_id: str) -> QuestionNotFound:
    """The error for an id that no question has."""
    return QuestionNotFound(f"there is no question {question_id!r}; list_questions shows those there are")
