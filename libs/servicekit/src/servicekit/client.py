"""Calls from one service to another."""

import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Self, TypeVar

import httpx
from opentelemetry.trace import SpanKind
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt

from contracts.problems import Problem
from servicekit.errors import STATUS_OF_CATEGORY, ServiceError
from servicekit.metrics import HTTP_CALL_SECONDS, HTTP_CALLS
from servicekit.settings import ServiceSettings
from servicekit.tls import client_context, public_context
from servicekit.traces import inject_headers, span

Result = TypeVar("Result")
Params = Mapping[str, Any]

DEFAULT_TIMEOUT_S = 10.0
# Shorter than servers keep idle connections, so that no request meets a closing one.
IDLE_S = 30.0
MAX_CONNECTIONS = 100
CUT_OFF = (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError)
CATEGORY_OF_STATUS = dict(zip(STATUS_OF_CATEGORY.values(), STATUS_OF_CATEGORY.keys(), strict=True))


class ServiceUnavailable(ServiceError):
    """The other service does not answer, or not in time, or not sensibly."""

    def __init__(self, service: str, reason: str) -> None:
        super().__init__("service_unavailable", "unavailable", f"{service} {reason}")
        self.service = service


class RemoteError(ServiceError):
    """The other service answered with an error; it is told on as it is."""

    def __init__(self, service: str, problem: Problem) -> None:
        category = CATEGORY_OF_STATUS.get(problem.status, "internal" if problem.status >= 500 else "invalid")
        super().__init__(problem.code, category, problem.detail, problem.errors)
        self.service = service
        self.problem = problem


class ServiceClient:
    """One other service: pooled connections, its token, the current trace, answers parsed into contracts."""

    def __init__(
        self,
        service: str,
        base_url: str,
        token: SecretStr | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        max_connections: int = MAX_CONNECTIONS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.service = service
        self._timeout_s = timeout_s
        self.http = httpx.AsyncClient(
            base_url=base_url,
            headers={"Authorization": f"Bearer {token.get_secret_value()}"} if token else {},
            timeout=timeout_s,
            limits=httpx.Limits(max_connections=max_connections, keepalive_expiry=IDLE_S),
            trust_env=False,
            verify=tls or public_context(),
        )
        where = self.http.base_url
        self._attributes = {"service.peer.name": service, "server.address": where.host, "server.port": where.port}

    @classmethod
    def of(cls, settings: ServiceSettings, service: str, base_url: str, max_connections: int = MAX_CONNECTIONS) -> Self:
        """A client that shows what the settings give this service to show."""
        own = settings.service_tls_ca, settings.service_tls_certificate, settings.service_tls_key
        tls = client_context(*own) if any(own) else None
        return cls(service, base_url, settings.service_token, settings.http_timeout_ms / 1000, max_connections, tls)

    async def get(self, path: str, into: type[Result], params: Params | None = None) -> Result:
        """GET, tried twice if the connection breaks. `into`: a contract, or any type that Pydantic can read.

        Parameters that are None are left out. Raises RemoteError, ServiceUnavailable.
        """
        return await self._call("GET", path, into, params=_query(params), attempts=2)

    async def post(
        self, path: str, into: type[Result], body: BaseModel | None = None, params: Params | None = None
    ) -> Result:
        """POST a contract as JSON. Raises RemoteError, ServiceUnavailable."""
        content = None if body is None else body.model_dump_json(exclude_none=True).encode()
        return await self._call("POST", path, into, content=content, params=_query(params))

    async def patch(self, path: str, into: type[Result], body: BaseModel) -> Result:
        """PATCH with what is set of a contract, as JSON. Raises RemoteError, ServiceUnavailable."""
        content = body.model_dump_json(exclude_none=True, exclude_unset=True).encode()
        return await self._call("PATCH", path, into, content=content)

    async def delete(self, path: str) -> None:
        """DELETE; an answer's body is not read. Raises RemoteError, ServiceUnavailable."""
        await self._exchange("DELETE", path)

    @asynccontextmanager
    async def stream(
        self, path: str, params: Params | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[httpx.Response]:
        """An open answer, such as server-sent events, whose `aiter_lines()` may pause as long as it likes."""
        request = self._request(
            "GET",
            path,
            params=_query(params),
            headers=inject_headers(dict(headers or {})),
            timeout=httpx.Timeout(self._timeout_s, read=None),
        )
        response = await self._send(request, stream=True)
        try:
            if response.is_error:
                await response.aread()
                raise self._error(response)
            yield response
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close all connections."""
        await self.http.aclose()

    async def _call(
        self,
        method: str,
        path: str,
        into: type[Result],
        *,
        params: Params | None = None,
        content: bytes | None = None,
        attempts: int = 1,
    ) -> Result:
        return self._parse(await self._exchange(method, path, params, content, attempts), into)

    async def _exchange(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        content: bytes | None = None,
        attempts: int = 1,
    ) -> httpx.Response:
        attributes = self._attributes | {"http.request.method": method, "url.path": path}
        with span(f"{method} {self.service}", SpanKind.CLIENT, attributes) as current:
            headers = inject_headers({} if content is None else {"Content-Type": "application/json"})
            request = self._request(method, path, params=params, content=content, headers=headers)
            response = await self._send(request, attempts=attempts)
            current.set_attribute("http.response.status_code", response.status_code)
            if response.is_error:
                raise self._error(response)
            return response

    def _request(self, method: str, path: str, **more: Any) -> httpx.Request:
        try:
            return self.http.build_request(method, path, **more)
        except httpx.InvalidURL as error:
            detail = f"what is asked of {self.service} is too long for an address; ask for less at once ({error})"
            raise ServiceError("address_too_long", "address_too_long", detail) from error

    async def _send(self, request: httpx.Request, attempts: int = 1, *, stream: bool = False) -> httpx.Response:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(attempts), retry=retry_if_exception_type(CUT_OFF), reraise=True
        )
        try:
            with HTTP_CALL_SECONDS.labels(self.service).time():
                response = await retrying(self.http.send, request, stream=stream)
        except httpx.TimeoutException as error:
            HTTP_CALLS.labels(self.service, "timeout").inc()
            raise ServiceUnavailable(self.service, f"did not answer within {self._timeout_s:g} s") from error
        except httpx.TransportError as error:
            HTTP_CALLS.labels(self.service, "unreachable").inc()
            where = f"{request.url.scheme}://{request.url.netloc.decode()}"
            raise ServiceUnavailable(
                self.service, f"does not answer at {where}: {str(error) or type(error).__name__}"
            ) from error
        HTTP_CALLS.labels(self.service, str(response.status_code)).inc()
        return response

    def _error(self, response: httpx.Response) -> ServiceError:
        # It is this service that is refused, and not who called it.
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            return ServiceUnavailable(self.service, "refuses the token of this service (SERVICE_TOKEN)")
        try:
            problem = Problem.model_validate_json(response.content)
            if problem.code == "caller_not_admitted":
                return ServiceUnavailable(self.service, f"does not admit this service: {problem.detail}")
        except ValidationError:
            title = response.reason_phrase or "Error"
            detail = f"{self.service} answered {response.status_code} {title}"
            problem = Problem(title=title, status=response.status_code, code="remote_error", detail=detail)
        return RemoteError(self.service, problem)

    def _parse(self, response: httpx.Response, into: type[Result]) -> Result:
        try:
            return _adapter(into).validate_json(response.content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            reason = f"answered what is not understood: {'.'.join(map(str, first['loc']))} {first['msg']}"
            raise ServiceUnavailable(self.service, reason) from error


@lru_cache(maxsize=128)
def _adapter(into: Any) -> TypeAdapter[Any]:
    return TypeAdapter(into)


def _query(params: Params | None) -> dict[str, Any]:
    return {name: _text(value) for name, value in (params or {}).items() if value is not None}


def _text(value: Any) -> Any:
    if isinstance(value, list | tuple | set | frozenset):
        return [_text(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value
