"""API keys."""

from typing import Annotated

from fastapi import APIRouter, Request

from contracts.access import ApiKey, Role
from contracts.base import Page
from mcp_gateway.api.cursors import after
from mcp_gateway.api.roles import require_role
from mcp_gateway.domain.principals import Principal
from mcp_gateway.ports import Keys
from servicekit.paging import PageCursor, PageLimit, page

router = APIRouter(prefix="/keys")

Admin = Annotated[Principal, require_role(Role.admin)]


@router.get("", response_model_exclude_none=True)
async def list_keys(request: Request, _: Admin, cursor: PageCursor = None, limit: PageLimit = 50) -> Page[ApiKey]:
    """Keys, newest first, those that have ended too."""
    rows = await _keys(request).page(after(cursor), limit + 1)
    return page(rows, limit, lambda row: (row.created_at, row.key_id), lambda row: row)


def _keys(request: Request) -> Keys:
    return request.app.state.keys
