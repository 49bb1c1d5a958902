"""Questions and requests: asked, answered, decided, expired, withdrawn, read."""

from collections.abc import Sequence
from datetime import datetime

from contracts.questions import NewAnswer, QuestionKind, QuestionState, QuestionView, RequestDecision
from contracts.rpc import LONGEST_WAIT_MS, GetAnswer
from question_broker.decisions import ruling
from question_broker.decisions.answering import answer as decide_answer
from question_broker.decisions.suggesting import by_question
from question_broker.domain import Question
from question_broker.errors import QuestionNotFound
from question_broker.handlers.asking import break_circles
from question_broker.handlers.ruling import save
from question_broker.ports import Closings, Questions, QuestionWrites
from servicekit.clock import Clock

EXPIRED_AT_ONCE = 200
SUGGESTED_FOR = 10
"""Questions of a page that get suggestions: each costs a search."""
LOOK_AGAIN_S = 1.0
"""A question may be closed by another replica, of which this one hears nothing."""


async def answer(question_id: str, given: NewAnswer, questions: Questions, now: datetime) -> Question:
    """Answer an open question: the first answer wins. Raises QuestionNotFound, QuestionClosed."""
    async with questions.transaction() as into:
        question = await _locked(into, question_id)
        return await _changed(into, question, decide_answer(question, given, now), now)


async def decide(question_id: str, decision: RequestDecision, questions: Questions, now: datetime) -> Question:
    """Decide an open request for resources, permission or collaboration: the first decision wins.

    Raises QuestionNotFound, QuestionClosed, AlreadyDecided, NotARequest, InvalidDecision.
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
            if asked.wait_ms and _begins_to_wait(question):
                await begin_waiting(question.question_id, questions, clock.now())
                continue
            left_s = until - clock.monotonic()
            if question.state is not QuestionState.open or left_s <= 0 or closings.ended:
                return question
            await watch.closed(min(left_s, LOOK_AGAIN_S))


async def begin_waiting(question_id: str, questions: Questions, now: datetime) -> None:
    """Note that the worker waits for help that it asked for without waiting; a circle that it closes is broken."""
    async with questions.transaction() as into:
        await into.hold_waiting()
        if await into.begin_waiting(question_id):
            await into.close(list((await break_circles(into, now)).values()), now)


async def views(shown: Sequence[Question], questions: Questions) -> list[QuestionView]:
    """Questions as the API shows them; the first open ones with the answers to earlier ones like them."""
    asked = [one for one in shown if one.is_open and one.kind is not QuestionKind.collaboration_request][:SUGGESTED_FOR]
    earlier = await questions.similar(asked) if asked else []
    found = by_question([(one.question_id, one.question) for one in asked], earlier)
    return [one.to_view().model_copy(update={"suggestions": found.get(one.question_id, [])}) for one in shown]


def not_found(question_id: str) -> QuestionNotFound:
    """The error for an id that no question has."""
    return QuestionNotFound(f"there is no question {question_id!r}; list_questions shows those there are")


def _begins_to_wait(question: Question) -> bool:
    return question.is_open and not question.waits and question.kind is QuestionKind.collaboration_request


async def _locked(into: QuestionWrites, question_id: str) -> Question:
    question = (await into.lock([question_id])).get(question_id)
    if question is None:
        raise not_found(question_id)
    return question


async def _changed(into: QuestionWrites, before: Question, after: Question | None, now: datetime) -> Question:
    if after is None:
        return before
    await save(into, {before.question_id: before}, {after.question_id: after}, now)
    return after
