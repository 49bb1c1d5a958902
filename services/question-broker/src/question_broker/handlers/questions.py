"""Questions and requests: asked, answered, decided, expired, withdrawn, read."""

from collections.abc import Sequence
from datetime import datetime

from contracts.questions import NewAnswer, QuestionState, RequestDecision
from contracts.rpc import LONGEST_WAIT_MS, GetAnswer
from question_broker.decisions import ruling
from question_broker.decisions.answering import answer as decide_answer
from question_broker.decisions.asking import Asked, question_of
from question_broker.domain import Question
from question_broker.errors import QuestionNotFound
from question_broker.ports import Closings, Questions, QuestionWrites
from servicekit.clock import Clock

EXPIRED_AT_ONCE = 200
LOOK_AGAIN_S = 1.0
"""A question may be closed by another replica, of which this one hears nothing."""


async def ask(into: QuestionWrites, asked: Sequence[Asked], now: datetime) -> None:
    """Keep what workers asked; a question of an ended attempt is withdrawn at once."""
    closed = await into.closed_through([event.task_id for event in asked if event.task_id])
    new = await into.add([question_of(event, closed.get(event.task_id or "", 0)) for event in asked])
    await into.announce(new)
    await into.close([question for question in new if question.state is not QuestionState.open], now)


async def answer(question_id: str, given: NewAnswer, questions: Questions, now: datetime) -> Question:
    """Answer an open question: the first answer wins. Raises QuestionNotFound, QuestionClosed."""
    async with questions.transaction() as into:
        question = await _locked(into, question_id)
        return await _changed(into, question, decide_answer(question, given, now), now)


async def decide(question_id: str, decision: RequestDecision, questions: Questions, now: datetime) -> Question:
    """Decide an open request for resources: the first decision wins.

    Raises QuestionNotFound, QuestionClosed, NotARequest, InvalidDecision.
    """
    async with questions.transaction() as into:
        question = await _locked(into, question_id)
        return await _changed(into, question, ruling.decide(question, decision, now), now)


async def expire(questions: Questions, now: datetime) -> int:
    """Close questions whose deadline is over with their defaults; returns how many."""
    async with questions.transaction() as into:
        due = await into.lock_due(now, EXPIRED_AT_ONCE)
        await into.close([question.expired(now) for question in due], now)
        return len(due)


async def read_own(
    worker_id: str, asked: GetAnswer, questions: Questions, closings: Closings, clock: Clock
) -> Question:
    """A worker's own question, once it is closed or the time to wait is over. Raises QuestionNotFound."""
    until = clock.monotonic() + min(asked.wait_ms, LONGEST_WAIT_MS) / 1000
    while True:
        async with closings.watch(asked.question_id) as watch:
            question = await questions.get(asked.question_id)
            if question is None or question.worker_id != worker_id:
                raise QuestionNotFound(f"{worker_id} has asked no question {asked.question_id!r}")
            left_s = until - clock.monotonic()
            if question.state is not QuestionState.open or left_s <= 0 or closings.ended:
                return question
            await watch.closed(min(left_s, LOOK_AGAIN_S))


def not_found(question_id: str) -> QuestionNotFound:
    """The error for an id that no question has."""
    return QuestionNotFound(f"there is no question {question_id!r}; list_questions shows those there are")


async def _locked(into: QuestionWrites, question_id: str) -> Question:
    question = (await into.lock([question_id])).get(question_id)
    if question is None:
        raise not_found(question_id)
    return question


async def _changed(into: QuestionWrites, before: Question, after: Question | None, now: datetime) -> Question:
    if after is None:
        return before
    await into.close([after], now)
    return after
