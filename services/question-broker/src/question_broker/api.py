"""What arrives by HTTP: reading questions, and answering them."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request

from contracts.base import Page, QuestionId, TaskId, WorkerId
from contracts.questions import NewAnswer, QuestionKind, QuestionState, QuestionView
from question_broker import handlers
from question_broker.domain import Question
from question_broker.ports import QuestionFilter, Questions
from servicekit.clock import Clock
from servicekit.http import strict
from servicekit.paging import PageCursor, PageLimit, decode_cursor, invalid_cursor, page

router = APIRouter(prefix="/v1/questions")


@router.get("", response_model_exclude_none=True)
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


@router.get("/{question_id}", response_model_exclude_none=True)
async def get_question(request: Request, question_id: QuestionId) -> QuestionView:
    """One question."""
    question = await _questions(request).get(question_id)
    if question is None:
        raise handlers.not_found(question_id)
    return question.to_view()


@router.post("/{question_id}/answer", response_model_exclude_none=True)
async def answer_question(
    request: Request, question_id: QuestionId, given: Annotated[NewAnswer, strict(NewAnswer)]
) -> QuestionView:
    """Answer an open question; the first answer wins, and giving it again changes nothing."""
    clock: Clock = request.app.state.clock
    return (await handlers.answer(question_id, given, _questions(request), clock.now())).to_view()


def _questions(request: Request) -> Questions:
    return request.app.state.questions


def _after(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    try:
        asked_at, question_id = decode_cursor(cursor, 2)
        moment = datetime.fromisoformat(asked_at)
        if moment.tzinfo is None:
            raise ValueError("no time zone")
    except (TypeError, ValueError) as error:
        raise invalid_cursor() from error
    return moment, str(question_id)
