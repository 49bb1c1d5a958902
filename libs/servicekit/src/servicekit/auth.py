"""Who may call a service: callers by name, each with a token of its own, and the routes to which each is admitted."""

import hashlib
import hmac
import ipaddress
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Self

from fastapi import Request

from servicekit.errors import ServiceError
from servicekit.metrics import CALLERS_REFUSED
from servicekit.settings import GATEWAY, ServiceSettings

DEFAULT_CALLERS = (GATEWAY,)
"""Who is admitted to routes that do not say it themselves."""


class UnsafeSettings(Exception):
    """The settings would leave a door open that nobody has said shall be open."""


@dataclass(frozen=True)
class Callers:
    """The callers that a service knows, by the SHA-256 of their tokens; one with two tokens is in it twice."""

    names: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, settings: ServiceSettings) -> Self:
        """Those of SERVICE_CALLERS. Raises UnsafeSettings where there are none and the service is not alone."""
        entries = (entry.rpartition(":") for entry in settings.service_callers)
        names = {digest: name for name, _, digest in entries}
        if not names and not settings.service_open:
            _refuse_without_callers(settings)
        return cls(names)

    def named_by(self, authorization: str) -> str | None:
        """The caller whose token an Authorization header bears."""
        given = _digest(bearer_of(authorization))
        return next((name for digest, name in self.names.items() if hmac.compare_digest(digest, given)), None)


class Admission:
    """FastAPI dependency: the request bears the token of a caller that is admitted here, if any callers are known."""

    def __init__(self, callers: Callers, admitted: Collection[str]) -> None:
        self._callers = callers
        self._admitted = frozenset(admitted)

    async def __call__(self, request: Request) -> None:
        """Raise `unauthorized` or `caller_not_admitted`."""
        if not self._callers.names:
            return
        authorization = request.headers.get("authorization", "")
        name = self._callers.named_by(authorization)
        if name is None:
            CALLERS_REFUSED.labels("", "unknown_token" if authorization else "no_token").inc()
            detail = "a bearer token that SERVICE_CALLERS of this service knows is required"
            raise ServiceError("unauthorized", "unauthorized", detail)
        if name not in self._admitted:
            CALLERS_REFUSED.labels(name, "not_admitted").inc()
            admitted = " and ".join(sorted(self._admitted)) or "nobody"
            detail = f"{name} may not call {request.method} {request.url.path}: {admitted} may"
            raise ServiceError("caller_not_admitted", "forbidden", detail)


def bearer_of(authorization: str) -> str:
    """The token of an Authorization header; empty if it bears none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a service that listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_without_callers(settings: ServiceSettings) -> None:
    mend = "list who may call as name:sha256 in SERVICE_CALLERS, or set SERVICE_OPEN=true where a network policy holds"
    if settings.service_token is not None:
        raise UnsafeSettings(f"SERVICE_TOKEN is set, but nobody would be asked for a token here: {mend}")
    if not is_loopback(settings.http_host):
        raise UnsafeSettings(f"HTTP_HOST={settings.http_host} lets other machines call without a token: {mend}")


def _digest(token: str) -> str:
    # A token has more than enough chance in it; a slow hash would only serve who floods the service.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
