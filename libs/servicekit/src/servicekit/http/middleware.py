"""What every request passes: the trace it belongs to, its measurement, and the limit of its body."""

from time import perf_counter
from typing import cast

from opentelemetry import trace
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit.errors import ServiceError, problem_of
from servicekit.http.problems import problem_response
from servicekit.http.protocol import headers_too_large
from servicekit.metrics import HTTP_OPEN, HTTP_REQUESTS, HTTP_SECONDS
from servicekit.traces import continued

UNMATCHED = "unmatched"
STREAMS = ("text/event-stream", "application/x-ndjson")
KNOWN_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class TraceMiddleware:
    """Hands the caller's trace on where FastAPI's own telemetry, being off, does not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application."""
        if scope["type"] != "http" or trace.get_current_span().get_span_context().is_valid:
            await self._app(scope, receive, send)
            return
        with continued(Headers(scope=scope)):
            await self._app(scope, receive, send)


class MetricsMiddleware:
    """Counts and times requests by route template. An open stream is counted once it begins and not timed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, is_stream = 500, False

        async def sending(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status = message["status"]
                is_stream = Headers(raw=message["headers"]).get("content-type", "").startswith(STREAMS)
            await send(message)

        start = perf_counter()
        HTTP_OPEN.inc()
        try:
            await self._app(scope, receive, sending)
        finally:
            HTTP_OPEN.dec()
            method = scope["method"] if scope["method"] in KNOWN_METHODS else "OTHER"
            route = route_template(scope)
            HTTP_REQUESTS.labels(method, route, status).inc()
            if not is_stream:
                HTTP_SECONDS.labels(method, route).observe(perf_counter() - start)


class HeadLimitMiddleware:
    """Refuses a request whose address or headers are over the limit; the server has read no more than it had to."""

    def __init__(self, app: ASGIApp, headers: int, url: int) -> None:
        self._app = app
        self._headers = headers
        self._url = url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application."""
        if scope["type"] == "http":
            refusal = self._refusal(scope)
            if refusal is not None:
                await problem_response(problem_of(refusal), {"Connection": "close"})(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> ServiceError | None:
        if len(scope["path"]) + len(scope["query_string"]) > self._url:
            detail = f"the path and query are longer than {self._url} bytes (MAX_URL_BYTES)"
            return ServiceError("address_too_long", "address_too_long", detail)
        if sum(len(name) + len(value) for name, value in scope["headers"]) > self._headers:
            return headers_too_large(self._headers)
        return None


class BodyLimitMiddleware:
    """Refuses a body over the limit before it is read if its length is announced, and while it is read if not."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > self._limit:
            await problem_response(problem_of(self._too_large()), {"Connection": "close"})(scope, receive, send)
            return
        size = 0

        async def receiving() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._limit:
                raise self._too_large()
            return message

        await self._app(scope, receiving, send)

    def _too_large(self) -> ServiceError:
        detail = f"the body is larger than {self._limit} bytes (MAX_BODY_BYTES)"
        return ServiceError("body_too_large", "too_large", detail)


def route_template(scope: Scope) -> str:
    """The route that answered, with its parameters' names instead of their values, so that there are few of them."""
    # FastAPI keeps the path with the prefixes of including routers here, and without them on the route.
    included = scope.get("fastapi", {}).get("effective_route_context")
    if included is not None:
        return cast(str, included.path_format)
    path = getattr(scope.get("route"), "path", None)
    if path is None:
        return scope.get("root_path") or UNMATCHED
    return f"{scope.get('root_path', '')}{path}"
