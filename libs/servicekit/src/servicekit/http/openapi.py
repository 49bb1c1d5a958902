"""The OpenAPI document, for what FastAPI cannot see by itself: strict bodies, and errors as problem details."""

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
    for route in router.routes:
        if isinstance(route, APIRoute):
            _describe(route, schemas)
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        document.setdefault("components", {}).setdefault("schemas", {}).update(schemas)
        return document

    app.openapi = openapi


def _describe(route: APIRoute, schemas: dict[str, Any]) -> None:
    problem = {"content": {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model="Problem")}}}}
    extra: dict[str, Any] = {"responses": {"default": {"description": "A problem", **problem}}}
    for dependency in route.dependant.dependencies:
        if isinstance(dependency.call, StrictBody):
            schema, more = _split(dependency.call.adapter.json_schema(ref_template=REFERENCE))
            schemas.update(more)
            extra["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    route.openapi_extra = extra | (route.openapi_extra or {})


def _split(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return {name: value for name, value in document.items() if name != "$defs"}, document.get("$defs", {})
