"""What a client learns before it has a token: which authorization servers give one (RFC 9728)."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mcp_gateway.decisions.issuers import RESOURCE_DOCUMENT, resource_document, resource_path
from mcp_gateway.domain.credentials import TokenPolicy

CACHED_S = 3600


def metadata_routes(resource: str, policy: TokenPolicy) -> list[Route]:
    """The document, at the path that belongs to the resource, and where clients look that know no path."""
    document = resource_document(resource, policy.issuers, policy.roles)
    headers = {"Cache-Control": f"public, max-age={CACHED_S}", "Access-Control-Allow-Origin": "*"}

    async def show(_: Request) -> Response:
        return JSONResponse(document, headers=headers)

    paths = dict.fromkeys((resource_path(resource), f"{RESOURCE_DOCUMENT}/mcp", RESOURCE_DOCUMENT))
    return [Route(path, show, methods=["GET"]) for path in paths]
