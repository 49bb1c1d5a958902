"""What arrives by HTTP: reading questions, answering and deciding them, and the fleet's memory."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request

from contracts.base import Page, QuestionId, TaskId, WorkerId
from contracts.learnings import Learning
from contracts.questions import NewAnswer, QuestionKind, QuestionState, QuestionView, RequestDecision
from question_broker.domain import Question
from question_broker.handlers import questions as handlers
from question_broker.ports import LearningFilter, Learnings, QuestionFilter, Questions
from servicekit.clock import Clock
from servicekit.http import strict
from servicekit.paging import PageCursor, PageLimit, decode_cursor, invalid_cursor, page

router = APIRouter(prefix="/v1")

Searched = Annotated[str | None, Query(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$")]
Tag = Annotated[str, Query(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


@router.get("/questions", response_model_exclude_none=True)
async def list_questions(
    request: Request,
    state: Annotated[list[QuestionState], Query()] = [],  # noqa: B006
    kind: Annotated[list[QuestionKind], Query()] = [],  # noqa: B006
    task_id: TaskId | None = None,
    worker_id: WorkerId | None = None,
    cursor: PageCursor = None,
    limit: PageLimit = 50,
) -> Page[QuestionView]:
    """Questions, newest first."""
    wanted = QuestionFilter(tuple(state), tuple(kind), task_id, worker_id)
    rows = await _questions(request).page(wanted, _after(cursor), limit + 1)
    return page(rows, limit, lambda row: (row.asked_at, row.question_id), Question.to_view)


@router.get("/questions/{question_id}", response_model_exclude_none=True)
async def get_question(request: Request, question_id: QuestionId) -> QuestionView:
    """One question."""
    question = await _questions(request).get(question_id)
    if question is None:
        raise handlers.not_found(question_id)
    return question.to_view()


@router.post("/questions/{question_id}/answer", response_model_exclude_none=True)
async def answer_question(
    request: Request, question_id: QuestionId, given: Annotated[NewAnswer, strict(NewAnswer)]
) -> QuestionView:
    """Answer an open question; the first answer wins, and giving it again changes nothing."""
    clock: Clock = request.app.state.clock
    return (await handlers.answer(question_id, given, _questions(request), clock.now())).to_view()


@router.post("/questions/{question_id}/decision", response_model_exclude_none=True)
async def decide_request(
    request: Request, question_id: QuestionId, decision: Annotated[RequestDecision, strict(RequestDecision)]
) -> QuestionView:
    """Decide an open request for resources; the first decision wins, and giving it again changes nothing."""
    clock: Clock = request.app.state.clock
    return (await handlers.decide(question_id, decision, _questions(request), clock.now())).to_view()


@router.get("/learnings", response_model_exclude_none=True)
async def list_learnings(
    request: Request,
    query: Searched = None,
    tag: Annotated[list[Tag], Query()] = [],  # noqa: B006
    repository: Searched = None,
    cursor: PageCursor = None,
    limit: PageLimit = 50,
) -> Page[Learning]:
    """What workers have learned: newest first, or with a query best first."""
    learnings: Learnings = request.app.state.learnings
    wanted = LearningFilter(tuple(tag), repository)
    if query is None:
        rows = await learnings.newest(wanted, _after(cursor), limit + 1)
        return page(rows, limit, lambda row: (row.shared_at, row.learning_id), _as_it_is)
    found, _ = await learnings.search(query, wanted, _below(cursor), limit + 1)
    return page(found, limit, lambda row: (row.score, row.learning_id), _as_it_is)


def _questions(request: Request) -> Questions:
    return request.app.state.questions


def _after(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    try:
        at, row_id = decode_cursor(cursor, 2)
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("no time zone")
    except (TypeError, ValueError) as error:
        raise invalid_cursor() from error
    return moment, str(row_id)


def _below(cursor: str | None) -> tuple[float, str] | None:
    if cursor is None:
        return None
    score, learning_id = decode_cursor(cursor, 2)
    if not isinstance(score, float):
        raise invalid_cursor()
    return score, str(learning_id)


def _as_it_is(learning: Learning) -> Learning:
    return learning
