"""Edges that refuse what they do not know: fields of a body, and query parameters."""

from typing import Any

from fastapi import Depends, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError

from contracts.problems import FieldError
from servicekit.errors import ServiceError, invalid_input, shown


class StrictBody:
    """FastAPI dependency that reads a JSON body into a contract, unknown fields refused at every depth."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.adapter: TypeAdapter[Any] = TypeAdapter(model)

    async def __call__(self, request: Request) -> Any:
        """The body as the model. Raises ServiceError with every wrong field."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            detail = f"send JSON with Content-Type: application/json, not {kind or 'none'!r}"
            raise ServiceError("unsupported_media_type", "unsupported", detail)
        return parse_strictly(self.adapter, await request.body(), self.model)


def strict(model: Any) -> Any:
    """`body: Annotated[NewTask, strict(NewTask)]`: the body of a request, with unknown fields refused."""
    return Depends(StrictBody(model))


def parse_strictly(adapter: TypeAdapter[Any], data: bytes, model: Any = None) -> Any:
    """Validate JSON with unknown fields refused. Raises ServiceError `malformed_json` or `invalid_input`."""
    try:
        return adapter.validate_json(data, extra="forbid")
    except ValidationError as error:
        details = error.errors(include_url=False)
        if details[0]["type"] == "json_invalid":
            raise ServiceError("malformed_json", "malformed", details[0]["msg"]) from error
        known = model if isinstance(model, type) and issubclass(model, BaseModel) else None
        raise invalid_input([dict(detail) for detail in details], known) from error


async def refuse_unknown_query(request: Request) -> None:
    """FastAPI dependency: raises ServiceError for query parameters that the endpoint does not have."""
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute):
        return
    known = {field.alias for field in get_flat_params(route.dependant) if isinstance(field.field_info, Query)}
    unknown = [name for name in request.query_params if name not in known]
    if not unknown:
        return
    errors = [
        FieldError(
            field=name,
            message="unknown query parameter",
            value=shown(request.query_params[name]),
            allowed=sorted(known),
        )
        for name in unknown
    ]
    raise ServiceError("invalid_input", "invalid", f"{unknown[0]}: unknown query parameter", errors)
