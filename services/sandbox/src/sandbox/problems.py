"""Errors on the wire: each kind has its HTTP status, and all are problem details (RFC 9457)."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from contracts.problems import MEDIA_TYPE, FieldError, Problem
from sandbox import errors

STATUSES: dict[type[errors.SandboxError], HTTPStatus] = {
    errors.Absent: HTTPStatus.NOT_FOUND,
    errors.Refused: HTTPStatus.FORBIDDEN,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.LengthRequired: HTTPStatus.LENGTH_REQUIRED,
    errors.UnsupportedMedia: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
MOST_SHOWN = 200

log = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Answer every error of the application with a problem."""
    app.add_exception_handler(errors.SandboxError, _on_sandbox_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_input)
    app.add_exception_handler(ValidationError, _on_invalid_input)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(OSError, _on_os_error)
    app.add_exception_handler(Exception, _on_bug)


def respond(error: errors.SandboxError) -> Response:
    """The response that tells of an error."""
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    return _response(status, error.code, error.detail)


def _on_sandbox_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, errors.SandboxError)
    return respond(error)


def _on_invalid_input(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError | ValidationError)
    wrong = [_field_error(found) for found in error.errors()]
    detail = "; ".join(f"{field.field}: {field.message}" for field in wrong)
    return _response(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input", detail, wrong)


def _on_http_exception(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    return _response(status, status.phrase.lower().replace(" ", "_"), str(error.detail))


def _on_os_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    log.error("the system refused", exc_info=error)
    return respond(errors.FileSystemFailed(f"the system refused: {error.strerror or error}"))


def _on_bug(_: Request, error: Exception) -> Response:
    log.error("unexpected error", exc_info=error)
    return _response(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "the sandbox has a bug; its log says more")


def _field_error(found: Any) -> FieldError:
    location = [str(part) for part in found["loc"] if part not in ("body", "query", "path")]
    expected = found.get("ctx", {}).get("expected")
    allowed = [part.strip(" '") for part in str(expected).replace(" or ", ", ").split(",")] if expected else []
    value = None if found["type"] == "missing" else _told(str(found.get("input"))[:MOST_SHOWN])
    return FieldError(
        field=_told(".".join(location)) or "body", message=_told(found["msg"]), value=value, allowed=allowed
    )


def _response(status: HTTPStatus, code: str, detail: str, wrong: Sequence[FieldError] = ()) -> Response:
    problem = Problem(title=status.phrase, status=status, code=code, detail=_told(detail), errors=list(wrong))
    return Response(problem.to_json(), status_code=status, media_type=MEDIA_TYPE)


def _told(text: str) -> str:
    """What was sent as it can be sent back: JSON may hold half of a surrogate pair, and UTF-8 cannot."""
    return text.encode(errors="replace").decode()
