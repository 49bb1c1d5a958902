"""The door before `/mcp` and `/v1`: foreign hosts and origins are refused, and nobody passes unknown."""

from collections.abc import Sequence
from dataclasses import dataclass

from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.access import Role
from mcp_gateway.decisions.audit.requests import CLIENT
from mcp_gateway.decisions.clients import Network, client_address
from mcp_gateway.domain.credentials import TokenPolicy
from mcp_gateway.domain.needs import Effect
from mcp_gateway.errors import Forbidden, GatewayError, TooManyRequests, Unauthorized
from mcp_gateway.ports import Admission, Limits
from servicekit.errors import problem_of
from servicekit.http import problem_response

MCP, REST = "/mcp", "/v1"
READING = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Hosts:
    """Whose Host and Origin headers are served; `name:*` stands for the name with any port."""

    allowed_hosts: Sequence[str]
    allowed_origins: Sequence[str]


@dataclass(frozen=True, slots=True)
class Challenge:
    """What is said to who is not let in: where to get a token, and which scopes it needs."""

    metadata_url: str | None = None
    policy: TokenPolicy | None = None

    def header(self, error: GatewayError) -> str:
        """`WWW-Authenticate` (RFC 6750, RFC 9728)."""
        parts = ['realm="mews"']
        needed = error.needed if isinstance(error, Forbidden) else Role.viewer
        if isinstance(error, Forbidden):
            parts.append('error="insufficient_scope"')
        elif isinstance(error, Unauthorized) and not error.is_missing:
            parts.append('error="invalid_token"')
        if self.policy is not None and (scopes := self.policy.scopes_for(needed)):
            parts.append(f'scope="{" ".join(scopes)}"')
        if self.metadata_url is not None:
            parts.append(f'resource_metadata="{self.metadata_url}"')
        return f"Bearer {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """What a door is made of."""

    hosts: Hosts
    challenge: Challenge
    proxies: Sequence[Network]


class Door:
    """Puts the Principal into `scope["principal"]`, or answers with a problem."""

    def __init__(self, app: ASGIApp, settings: DoorSettings) -> None:
        self._app = app
        self._settings = settings
        hosts = settings.hosts
        self._security = TransportSecurityMiddleware(
            TransportSecuritySettings(
                allowed_hosts=list(hosts.allowed_hosts), allowed_origins=list(hosts.allowed_origins)
            )
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application for who is known."""
        if scope["type"] != "http" or not is_guarded(scope["path"]):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        refused = await self._security.validate_request(request)
        if refused is not None:
            await refused(scope, receive, send)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._admit(request, scope)
            await self._app(scope, receive, sending)
        except (Unauthorized, Forbidden, TooManyRequests) as error:
            if started:
                raise
            await problem_response(problem_of(error), self._headers(error))(scope, receive, send)

    async def _admit(self, request: Request, scope: Scope) -> None:
        address = client_address(
            scope["client"][0] if scope.get("client") else "",
            request.headers.getlist("x-forwarded-for"),
            self._settings.proxies,
        )
        scope[CLIENT] = address
        admission: Admission = request.app.state.admission
        principal = await admission.admit(request.headers.get("authorization"), address)
        scope["principal"] = principal
        # What an MCP message does is known when it is read, and counted there.
        if scope["path"] != MCP:
            limits: Limits = request.app.state.limits
            await limits.take(principal, Effect.read if scope["method"] in READING else Effect.write)

    def _headers(self, error: GatewayError) -> dict[str, str]:
        if isinstance(error, TooManyRequests):
            return {"Retry-After": str(error.retry_after_s)}
        return {"WWW-Authenticate": self._settings.challenge.header(error)}


def is_guarded(path: str) -> bool:
    """Whether a path is for callers who are known."""
    return any(path == guarded or path.startswith(f"{guarded}/") for guarded in (MCP, REST))
