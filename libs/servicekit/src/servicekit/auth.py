"""The token that services show each other."""

import hmac
from typing import cast

from fastapi import Request

from servicekit.errors import ServiceError
from servicekit.settings import ServiceSettings


async def require_service_token(request: Request) -> None:
    """FastAPI dependency: raises `unauthorized` unless the request bears SERVICE_TOKEN, if one is set."""
    expected = cast(ServiceSettings, request.app.state.settings).service_token
    if expected is not None and not _bears(request.headers.get("authorization", ""), expected.get_secret_value()):
        raise ServiceError("unauthorized", "unauthorized", "a valid bearer token is required (SERVICE_TOKEN)")


def _bears(authorization: str, token: str) -> bool:
    scheme, _, given = authorization.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
