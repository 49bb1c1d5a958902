"""Dead letters of all services."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from contracts.access import Role
from contracts.deadletters import (
    DeadLetterCause,
    DeadLetterContent,
    DeadLetterList,
    DeadLetterState,
    DropDeadLetters,
    LetterId,
    RetryDeadLetters,
    SettledDeadLetters,
)
from mcp_gateway.api.roles import require_role
from mcp_gateway.domain.principals import Principal
from mcp_gateway.handlers import deadletters as handlers
from mcp_gateway.handlers.deadletters import Desks
from mcp_gateway.ports import DeadLetterQuery
from servicekit.http import strict
from servicekit.paging import PageCursor, PageLimit

router = APIRouter(prefix="/dead-letters")

Operator = Annotated[Principal, require_role(Role.operator)]
Admin = Annotated[Principal, require_role(Role.admin)]
Filter = Annotated[str | None, Query(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


@router.get("", response_model_exclude_none=True)
async def list_dead_letters(
    request: Request,
    _: Operator,
    service: Annotated[list[str] | None, Query(max_length=20, description="Only of these; none: of all.")] = None,
    state: DeadLetterState | None = None,
    stream: Filter = None,
    subject: Filter = None,
    cause: DeadLetterCause | None = None,
    cursor: PageCursor = None,
    limit: PageLimit = 50,
) -> DeadLetterList:
    """Messages that services put aside, newest first. A service that is away is named in `unavailable`."""
    query = DeadLetterQuery(state, stream, subject, cause, limit)
    return await handlers.show_all(_desks(request), query, service or (), cursor)


@router.get("/{letter_id}", response_model_exclude_none=True)
async def get_dead_letter(request: Request, _: Operator, letter_id: LetterId) -> DeadLetterContent:
    """One of them, with what it says."""
    return await handlers.show(_desks(request), letter_id)


@router.post("/retry", response_model_exclude_none=True)
async def retry_dead_letters(
    request: Request, caller: Admin, wanted: Annotated[RetryDeadLetters, strict(RetryDeadLetters)]
) -> SettledDeadLetters:
    """Have them processed again; `by` is the caller, whatever is sent."""
    return await handlers.retry(_desks(request), wanted.model_copy(update={"by": caller.name}))


@router.post("/drop", response_model_exclude_none=True)
async def drop_dead_letters(
    request: Request, caller: Admin, wanted: Annotated[DropDeadLetters, strict(DropDeadLetters)]
) -> SettledDeadLetters:
    """Give them up, for a reason; `by` is the caller, whatever is sent."""
    return await handlers.drop(_desks(request), wanted.model_copy(update={"by": caller.name}))


def _desks(request: Request) -> Desks:
    return request.app.state.dead_letters
