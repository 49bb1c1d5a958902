"""Whether a caller may do what it wants to."""

from contracts.access import Role
from mcp_gateway.domain.needs import Needs
from mcp_gateway.domain.principals import Principal, reaches
from mcp_gateway.errors import Forbidden


def may_see(principal: Principal, tool: str, needs: Needs) -> bool:
    """Whether the caller may call the tool, with one of its actions at least."""
    return reaches(principal.role, needs.least) and (principal.tools is None or tool in principal.tools)


def check_tool(principal: Principal, tool: str, needed: Role, action: object = None) -> None:
    """Raise Forbidden unless the caller may call the tool where that needs this role."""
    if principal.tools is not None and tool not in principal.tools:
        raise Forbidden(f"{tool} is not for {principal.name}: {_only(principal.tools)}", needed)
    _check_role(principal, needed, f"{tool} with action {action}" if isinstance(action, str) else tool)


def may_answer(principal: Principal) -> bool:
    """Whether a worker may be told what the person at the caller's client says."""
    return may_see(principal, "answer_worker_question", Needs(Role.operator))


def check_beside_tools(principal: Principal, needed: Role, what: str) -> None:
    """Raise Forbidden unless the caller may use what is no tool: a route, a resource, a prompt, a subscription."""
    if principal.tools is not None:
        raise Forbidden(f"{what} is not for {principal.name}: {_only(principal.tools)}", needed)
    _check_role(principal, needed, what)


def may_use_beside_tools(principal: Principal, needed: Role) -> bool:
    """The same, to show only what can be used."""
    return principal.tools is None and reaches(principal.role, needed)


def _check_role(principal: Principal, needed: Role, what: str) -> None:
    if not reaches(principal.role, needed):
        raise Forbidden(
            f"{what} needs the role {needed}, and {principal.name} has the role {principal.role}; "
            f"an administrator can give a credential with the role {needed}",
            needed,
        )


def _only(tools: frozenset[str]) -> str:
    return f"its API key is for {', '.join(sorted(tools))} alone"
