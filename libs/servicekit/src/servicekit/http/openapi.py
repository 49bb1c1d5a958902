"""The OpenAPI document, for what FastAPI cannot see by itself: strict bodies, and errors as problem details."""

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from contracts.problems import MEDIA_TYPE, Problem
from servicekit.http.strict import StrictBody

REFERENCE = "#/components/schemas/{model}"


def describe_bodies(app: FastAPI, router: APIRouter) -> None:
    """Put the strict bodies of a router's routes, and the error that all of them may give, into the app's document."""
    problem, schemas = _split(Problem.model_json_schema(ref_template=REFERENCE))
    schemas["Problem"] = problem
    for route in _routes(router):
        _describe(route, schemas)
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        _forget_what_fastapi_would_answer(document)
        document.setdefault("components", {}).setdefault("schemas", {}).update(schemas)
        return document

    app.openapi = openapi


def _routes(router: APIRouter) -> Iterator[APIRoute]:
    """Its own routes, and those of the routers that it includes."""
    for route in router.routes:
        included = getattr(route, "original_router", None)
        if isinstance(route, APIRoute):
            yield route
        elif isinstance(included, APIRouter):
            yield from _routes(included)


def _describe(route: APIRoute, schemas: dict[str, Any]) -> None:
    problem = {"content": {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model="Problem")}}}}
    extra: dict[str, Any] = {"responses": {"default": {"description": "A problem", **problem}}}
    for dependency in route.dependant.dependencies:
        if isinstance(dependency.call, StrictBody):
            schema, more = _split(dependency.call.adapter.json_schema(ref_template=REFERENCE))
            schemas.update(more)
            extra["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    route.openapi_extra = extra | (route.openapi_extra or {})


def _forget_what_fastapi_would_answer(document: dict[str, Any]) -> None:
    """A wrong input is answered with a problem, as all else is, and not in FastAPI's own form."""
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    schemas = document.get("components", {}).get("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)


def _split(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return {name: value for name, value in document.items() if name != "$defs"}, document.get("$defs", {})
