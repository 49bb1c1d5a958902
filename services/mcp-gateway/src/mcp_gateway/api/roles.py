"""Which role a route needs."""

from typing import Any

from fastapi import Depends, Request

from contracts.access import Role
from mcp_gateway.decisions.roles import check_route
from mcp_gateway.domain.principals import Principal


class RoleNeeded:
    """FastAPI dependency: gives the caller. Raises Forbidden for one whose role does not reach."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, request: Request) -> Principal:
        """The caller, whom the door has let in."""
        principal: Principal = request.scope["principal"]
        check_route(principal, self.role, f"{request.method} {request.url.path}")
        return principal


def require_role(role: Role) -> Any:
    """`caller: Annotated[Principal, require_role(Role.admin)]`: every route of `/v1` has exactly one of these."""
    return Depends(RoleNeeded(role))
