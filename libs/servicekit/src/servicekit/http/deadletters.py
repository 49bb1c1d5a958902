"""The endpoints by which operators see to a service's dead letters: the same in each service that has some."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from contracts.base import Page
from contracts.deadletters import (
    DeadLetter,
    DeadLetterCause,
    DeadLetterContent,
    DeadLetterState,
    DropDeadLetters,
    LetterId,
    RetryDeadLetters,
    SettledDeadLetters,
)
from servicekit.deadletters import DeadLetterDesk, LetterFilter
from servicekit.http.strict import strict
from servicekit.paging import DEFAULT_LIMIT, PageCursor, PageLimit

Filter = Annotated[str | None, Query(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]

router = APIRouter(prefix="/v1/dead-letters")


@router.get("", response_model_exclude_none=True)
async def list_dead_letters(
    request: Request,
    state: DeadLetterState | None = None,
    stream: Filter = None,
    subject: Filter = None,
    cause: DeadLetterCause | None = None,
    cursor: PageCursor = None,
    limit: PageLimit = DEFAULT_LIMIT,
) -> Page[DeadLetter]:
    """Messages that were put aside, newest first."""
    return await _desk(request).page(LetterFilter(state, stream, subject, cause), cursor, limit)


@router.get("/{letter_id}", response_model_exclude_none=True)
async def get_dead_letter(request: Request, letter_id: LetterId) -> DeadLetterContent:
    """One of them, with what it says."""
    return await _desk(request).content(letter_id)


@router.post("/retry", response_model_exclude_none=True)
async def retry_dead_letters(
    request: Request, wanted: Annotated[RetryDeadLetters, strict(RetryDeadLetters)]
) -> SettledDeadLetters:
    """Process them again, as their consumer would; what fails again stays open, and a repeat is harmless."""
    return await _desk(request).retry(wanted)


@router.post("/drop", response_model_exclude_none=True)
async def drop_dead_letters(
    request: Request, wanted: Annotated[DropDeadLetters, strict(DropDeadLetters)]
) -> SettledDeadLetters:
    """Give them up, for a reason."""
    return await _desk(request).drop(wanted)


def _desk(request: Request) -> DeadLetterDesk:
    return request.app.state.dead_letters
