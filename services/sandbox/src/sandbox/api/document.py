"""The OpenAPI document, for what FastAPI cannot see by itself: errors as problem details, and streamed bodies."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from contracts.problems import MEDIA_TYPE, Problem
from contracts.sandbox import ARCHIVE_MEDIA_TYPES, WorkspaceCreate

JSON = "application/json"
BYTES = "application/octet-stream"
REFERENCE = "#/components/schemas/{model}"
STREAMED: tuple[type[Problem | WorkspaceCreate], ...] = (Problem, WorkspaceCreate)
"""Models that no signature of an endpoint names."""

A_FILE: dict[str, Any] = {"requestBody": {"content": {BYTES: {}}}}
A_SOURCE: dict[str, Any] = {
    "requestBody": {
        "content": {
            JSON: {"schema": {"$ref": REFERENCE.format(model=WorkspaceCreate.__name__)}},
            **{kind: {} for kind in ARCHIVE_MEDIA_TYPES},
        }
    }
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem",
        "content": {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model=Problem.__name__)}}},
    }
}


def answers_with(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """What is documented of an endpoint that answers with bytes of one of these kinds."""
    return {200: {"content": {kind: {} for kind in media_types}}}


def describe(app: FastAPI) -> None:
    """Put the models that no endpoint names into the application's document."""
    generate, schemas = app.openapi, _schemas()

    def openapi() -> dict[str, Any]:
        document = generate()
        document.setdefault("components", {}).setdefault("schemas", {}).update(schemas)
        return document

    app.openapi = openapi


def _schemas() -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for model in STREAMED:
        schema = model.model_json_schema(ref_template=REFERENCE)
        found |= schema.pop("$defs", {})
        found[model.__name__] = schema
    return found
