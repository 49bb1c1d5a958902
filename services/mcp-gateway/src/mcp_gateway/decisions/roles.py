"""Whether a caller may do what it wants to."""

from contracts.access import Role
from mcp_gateway.domain.principals import Principal, reaches
from mcp_gateway.errors import Forbidden


def check_route(principal: Principal, needed: Role, what: str) -> None:
    """Raise Forbidden unless the caller may use a route that needs this role."""
    _check_role(principal, needed, what)
    if principal.tools is not None:
        raise Forbidden(
            f"{what} is no tool: the key of {principal.name} is for {_listed(principal.tools)} alone", needed
        )


def _check_role(principal: Principal, needed: Role, what: str) -> None:
    if not reaches(principal.role, needed):
        raise Forbidden(
            f"{what} needs the role {needed}, and {principal.name} has {principal.role}; "
            "an administrator can give a key with that role",
            needed,
        )


def _listed(tools: frozenset[str]) -> str:
    return ", ".join(sorted(tools))
