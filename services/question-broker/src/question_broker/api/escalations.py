"""Messages about questions that wait too long."""

from fastapi import APIRouter, Request

from contracts.base import Page
from contracts.escalations import EscalationState, EscalationView
from question_broker.ports import Escalations
from servicekit.paging import PageCursor, PageLimit, after, page

router = APIRouter()


@router.get("/escalations", response_model_exclude_none=True)
async def list_escalations(
    request: Request, state: EscalationState | None = None, cursor: PageCursor = None, limit: PageLimit = 50
) -> Page[EscalationView]:
    """Escalations, newest first; `dead` are those that nobody has taken."""
    escalations: Escalations = request.app.state.escalations
    rows = await escalations.page(state, after(cursor), limit + 1)
    return page(rows, limit, lambda row: (row.created_at, row.escalation_id), lambda row: row)
