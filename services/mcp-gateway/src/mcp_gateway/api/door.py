"""The door before `/mcp` and `/v1`: foreign hosts and origins are refused, and nobody passes unknown."""

from collections.abc import Sequence
from dataclasses import dataclass

from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_gateway.errors import Unauthorized
from mcp_gateway.ports import Admission
from servicekit.errors import problem_of
from servicekit.http import problem_response

GUARDED = ("/mcp", "/v1")
CHALLENGE = 'Bearer realm="mews"'


@dataclass(frozen=True, slots=True)
class Hosts:
    """Whose Host and Origin headers are served; `name:*` stands for the name with any port."""

    allowed_hosts: Sequence[str]
    allowed_origins: Sequence[str]


class Door:
    """Puts the Principal into `scope["principal"]`, or answers with a problem."""

    def __init__(self, app: ASGIApp, admission: Admission, hosts: Hosts) -> None:
        self._app = app
        self._admission = admission
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
        try:
            scope["principal"] = await self._admission.admit(request.headers.get("authorization"), _address(scope))
        except Unauthorized as error:
            await problem_response(problem_of(error), {"WWW-Authenticate": CHALLENGE})(scope, receive, send)
            return
        await self._app(scope, receive, send)


def is_guarded(path: str) -> bool:
    """Whether a path is for callers who are known."""
    return any(path == guarded or path.startswith(f"{guarded}/") for guarded in GUARDED)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""
