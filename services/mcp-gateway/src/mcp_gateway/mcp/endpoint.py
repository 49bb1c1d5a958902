"""The route /mcp: streamable HTTP without sessions, foreign hosts and origins refused."""

from dataclasses import dataclass

from mcp.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.routing import Route

from mcp_gateway.mcp.authentication import identified
from mcp_gateway.ports import Upstreams

PATH = "/mcp"


@dataclass(frozen=True, slots=True)
class Doors:
    """What is let in."""

    allowed_hosts: list[str]
    """Host headers; `name:*` stands for the name with any port."""
    allowed_origins: list[str]
    max_body_bytes: int


def build_endpoint(server: Server[Upstreams], doors: Doors) -> tuple[Route, StreamableHTTPSessionManager]:
    """The route, and the manager whose `run()` must be entered, once, while it serves."""
    manager = StreamableHTTPSessionManager(
        server,
        # SSE-capable: in JSON mode a call whose client has gone would run on, and progress would be lost.
        json_response=False,
        stateless=True,
        security_settings=TransportSecuritySettings(
            allowed_hosts=doors.allowed_hosts, allowed_origins=doors.allowed_origins
        ),
        max_request_body_size=doors.max_body_bytes,
    )
    endpoint = StreamableHTTPASGIApp(manager)
    # POST alone: without sessions a GET stream could never carry anything, and would hang until the client leaves.
    return Route(PATH, endpoint=identified(endpoint), methods=["POST"]), manager
