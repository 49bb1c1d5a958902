"""The caller, whom the door has let in, as the SDK and the server behind it know it."""

from functools import lru_cache

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware, auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_gateway.domain.principals import Principal

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


def identified(app: ASGIApp) -> ASGIApp:
    """`app` for the caller in `scope["principal"]`: what a client gets sealed is bound to it."""
    within = AuthContextMiddleware(app)

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        scope["user"] = _caller(scope["principal"])
        await within(scope, receive, send)

    return _Endpoint(run)


def caller() -> Principal:
    """Who sent the message that is being answered."""
    user = auth_context_var.get()
    if not isinstance(user, Caller):
        raise LookupError("a message has come past the door")
    return user.principal


class _Endpoint:
    """A plain function would be taken for a view by the router."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


@lru_cache(maxsize=KNOWN_CALLERS)
def _caller(principal: Principal) -> Caller:
    return Caller(principal)
