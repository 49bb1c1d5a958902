"""Bearer tokens in front of the endpoint, by the SDK's own middleware, so that OAuth can take the same place."""

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend, RequireAuthMiddleware
from mcp.server.auth.provider import AccessToken
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.types import ASGIApp

from mcp_gateway.decisions.access import principal_of
from mcp_gateway.domain.principals import Principal, TokenEntry
from mcp_gateway.ports import TokenVerifier


class ListedTokens:
    """A TokenVerifier over a fixed list."""

    def __init__(self, entries: tuple[TokenEntry, ...]) -> None:
        self._entries = entries

    async def verify_token(self, token: str) -> Principal | None:
        """The name beside the token's digest."""
        return principal_of(token, self._entries)


def require_token(app: ASGIApp, verifier: TokenVerifier) -> ASGIApp:
    """`app` for callers whom `verifier` knows; 401 with `WWW-Authenticate: Bearer` for all others."""
    guarded = AuthContextMiddleware(RequireAuthMiddleware(app, required_scopes=[]))
    return AuthenticationMiddleware(guarded, backend=BearerAuthBackend(_Adapter(verifier)))


class _Adapter:
    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    async def verify_token(self, token: str) -> AccessToken | None:
        principal = await self._verifier.verify_token(token)
        if principal is None:
            return None
        return AccessToken(token=token, client_id=principal.name, subject=principal.name, scopes=list(principal.scopes))
