"""The caller, whom the door has let in, as the SDK and the server behind it know it."""

from collections.abc import Callable
from functools import lru_cache

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware, auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_gateway.decisions.roles import check_tool
from mcp_gateway.domain.needs import Needs
from mcp_gateway.domain.principals import Kind, Principal

KNOWN_CALLERS = 4_096


class Caller(AuthenticatedUser):
    """A user of the SDK with the principal that it stands for."""

    def __init__(self, principal: Principal) -> None:
        # The token itself is nobody's business behind the door.
        token = AccessToken(
            token="",
            client_id=principal.identity,
            subject=principal.name,
            scopes=[principal.role],
            claims={"iss": principal.issuer} if principal.issuer else None,
        )
        super().__init__(token)
        self.principal = principal


def identified(app: ASGIApp, needs_of: Callable[[str], Needs | None]) -> ASGIApp:
    """`app` for the caller in `scope["principal"]`: what a client gets sealed is bound to it."""
    within = AuthContextMiddleware(app)

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        principal: Principal = scope["principal"]
        if principal.kind is Kind.oauth:
            _check_scope(principal, Headers(scope=scope), needs_of)
        scope["user"] = _caller(principal)
        await within(scope, receive, send)

    return _Endpoint(run)


def caller() -> Principal:
    """Who sent the message that is being answered."""
    user = auth_context_var.get()
    if not isinstance(user, Caller):
        raise LookupError("a message has come past the door")
    return user.principal


def _check_scope(principal: Principal, headers: Headers, needs_of: Callable[[str], Needs | None]) -> None:
    """Raise Forbidden for a tool that needs more: its client can ask the person for a token with that scope.

    The newer era names the tool in a header, and the server refuses a header that the message does not bear out.
    Where there is none, the call is refused all the same, as a tool's error.
    """
    if headers.get("mcp-method") != "tools/call":
        return
    tool = headers.get("mcp-name", "")
    needs = needs_of(tool)
    if needs is not None:
        check_tool(principal, tool, needs.least)


class _Endpoint:
    """A plain function would be taken for a view by the router."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


@lru_cache(maxsize=KNOWN_CALLERS)
def _caller(principal: Principal) -> Caller:
    return Caller(principal)
