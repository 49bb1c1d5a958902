"""API keys."""

from typing import Annotated

from fastapi import APIRouter, Request

from contracts.access import ApiKey, IssuedApiKey, KeyId, NewApiKey, Role
from contracts.base import Page
from mcp_gateway.api.roles import require_role
from mcp_gateway.domain.principals import Principal
from mcp_gateway.handlers import keys as handlers
from mcp_gateway.ports import Keys
from servicekit.http import strict
from servicekit.ids import new_id
from servicekit.paging import PageCursor, PageLimit, after, page

router = APIRouter(prefix="/keys")

Admin = Annotated[Principal, require_role(Role.admin)]


@router.get("", response_model_exclude_none=True)
async def list_keys(request: Request, _: Admin, cursor: PageCursor = None, limit: PageLimit = 50) -> Page[ApiKey]:
    """Keys, newest first, those that have ended too."""
    rows = await _keys(request).page(after(cursor), limit + 1)
    return page(rows, limit, lambda row: (row.created_at, row.key_id), lambda row: row)


@router.post("", status_code=201, response_model_exclude_none=True)
async def create_key(request: Request, caller: Admin, new: Annotated[NewApiKey, strict(NewApiKey)]) -> IssuedApiKey:
    """Make a key. Its token is in this answer and nowhere else."""
    state = request.app.state
    return await handlers.create(new_id("key"), new, caller.name, state.tool_roles, state.keys, state.clock.now())


@router.post("/{key_id}/revoke", response_model_exclude_none=True)
async def revoke_key(request: Request, caller: Admin, key_id: KeyId) -> ApiKey:
    """End a key: at once here, and on all replicas within GATEWAY_KEY_CHECK_MS."""
    state = request.app.state
    revoked = await handlers.revoke(key_id, caller.name, state.keys, state.clock.now())
    state.key_ring.forget(key_id)
    return revoked


def _keys(request: Request) -> Keys:
    return request.app.state.keys
