"""The fleet's memory."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from contracts.base import Page
from contracts.learnings import Learning
from question_broker.ports import LearningFilter, Learnings
from servicekit.paging import PageCursor, PageLimit, after, decode_cursor, invalid_cursor, page

router = APIRouter()

Searched = Annotated[str | None, Query(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$")]
Tag = Annotated[str, Query(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


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
        rows = await learnings.newest(wanted, after(cursor), limit + 1)
        return page(rows, limit, lambda row: (row.shared_at, row.learning_id), _as_it_is)
    found, _ = await learnings.search(query, wanted, _below(cursor), limit + 1)
    return page(found, limit, lambda row: (row.score, row.learning_id), _as_it_is)


def _below(cursor: str | None) -> tuple[float, str] | None:
    if cursor is None:
        return None
    score, learning_id = decode_cursor(cursor, 2)
    if not isinstance(score, float):
        raise invalid_cursor()
    return score, str(learning_id)


def _as_it_is(learning: Learning) -> Learning:
    return learning
