"""Reading questions, answering and deciding them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from contracts.base import Page, QuestionId, TaskId, WorkerId
from contracts.questions import NewAnswer, QuestionKind, QuestionState, QuestionView, RequestDecision
from question_broker.domain import Question
from question_broker.handlers import questions as handlers
from question_broker.ports import QuestionFilter, Questions
from servicekit.clock import Clock
from servicekit.http import strict
from servicekit.paging import PageCursor, PageLimit, after, page

router = APIRouter()


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
    """Questions, newest first; the first open ones with the answers to earlier ones like them."""
    wanted = QuestionFilter(tuple(state), tuple(kind), task_id, worker_id)
    questions = _questions(request)
    rows = await questions.page(wanted, after(cursor), limit + 1)
    views = await handlers.views(rows[:limit], questions)
    shown = page(rows, limit, lambda row: (row.asked_at, row.question_id), Question.to_view)
    return Page(items=views, next_cursor=shown.next_cursor)


@router.get("/questions/{question_id}", response_model_exclude_none=True)
async def get_question(request: Request, question_id: QuestionId) -> QuestionView:
    """One question; an open one with the answers to earlier ones like it."""
    questions = _questions(request)
    question = await questions.get(question_id)
    if question is None:
        raise handlers.not_found(question_id)
    return (await handlers.views([question], questions))[0]


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
    """Decide an open request for resources, permission or collaboration.

    The first decision wins, and giving it again changes nothing.
    """
    clock: Clock = request.app.state.clock
    return (await handlers.decide(question_id, decision, _questions(request), clock.now())).to_view()


def _questions(request: Request) -> Questions:
    return request.app.state.questions
