"""How errors leave by HTTP: each as problem details, mapped here and nowhere else."""

import sys
from collections.abc import Mapping
from http import HTTPStatus
from typing import cast

import asyncpg
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.problems import MEDIA_TYPE, Problem
from servicekit.errors import ServiceError, invalid_input, is_coded, problem_of
from servicekit.logs import get_logger
from servicekit.pg import is_transient

PLACES = {"query", "path", "header", "cookie", "body"}
CODE_OF_STATUS = {404: "route_not_found", 405: "method_not_allowed"}
RETRY_AFTER_S = "1"
BUSY = (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)

log = get_logger(__name__)


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """An HTTP response with this problem as its body."""
    extra = dict(headers or {})
    if problem.status == HTTPStatus.UNAUTHORIZED:
        extra.setdefault("WWW-Authenticate", "Bearer")
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        extra.setdefault("Retry-After", RETRY_AFTER_S)
    return Response(problem.to_json(), problem.status, extra, MEDIA_TYPE)


async def on_invalid_request(_request: Request, error: Exception) -> Response:
    """Handler of FastAPI's own validation: the place (query, path …) is left out of the field's path."""
    assert isinstance(error, RequestValidationError)
    details = [dict(detail) | {"loc": _without_place(detail["loc"])} for detail in error.errors()]
    return problem_response(problem_of(invalid_input(details)))


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Handler of HTTPException: no route, a wrong method, or a body that could not be read."""
    assert isinstance(error, HTTPException)
    if is_coded(error.__cause__):
        return problem_response(problem_of(error.__cause__))
    title = HTTPStatus(error.status_code).phrase
    code = CODE_OF_STATUS.get(error.status_code, title.lower().replace(" ", "_"))
    detail = f"{request.method} {request.url.path}: {error.detail}"
    return problem_response(Problem(title=title, status=error.status_code, code=code, detail=detail), error.headers)


class ProblemMiddleware:
    """Turns whatever an endpoint raises into a problem; what nobody expected is logged and told without its inside."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            if started and _client_has_left(error):
                log.info("the client left a stream that it did not read", path=scope["path"])
                return
            problem = _problem_for(error, scope)
            if started:
                raise
            await problem_response(problem)(scope, receive, send)


def _problem_for(error: Exception, scope: Scope) -> Problem:
    if is_coded(error):
        return problem_of(error)
    where = {"method": scope["method"], "path": scope["path"]}
    if _is_absence(error):
        log.warning("a backend is away", error=repr(error), **where)
        detail = "a backend does not answer at the moment; the request may be sent again"
        return problem_of(ServiceError("backend_unavailable", "unavailable", detail))
    log.error("unexpected error", exc_info=error, **where)
    return problem_of(ServiceError("internal_error", "internal", "an unexpected error; the log has its details"))


def _is_absence(error: Exception) -> bool:
    if is_transient(error) or isinstance(error, BUSY):
        return True
    # A service without Redis does not load its client, which is large, and cannot have its errors.
    redis = sys.modules.get("redis.exceptions")
    return redis is not None and isinstance(error, redis.ConnectionError | redis.TimeoutError)


def _client_has_left(error: BaseException) -> bool:
    """Whether all that went wrong is that nobody takes what a stream still had to send."""
    if isinstance(error, BaseExceptionGroup):
        return all(_client_has_left(one) for one in cast("BaseExceptionGroup[BaseException]", error).exceptions)
    # Starlette has loaded it.
    anyio = sys.modules.get("anyio")
    return anyio is not None and isinstance(error, anyio.BrokenResourceError | anyio.ClosedResourceError)


def _without_place(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    return path[1:] if path and path[0] in PLACES else path
