"""JSON Schemas of the tools, in the plain form that every client understands: no references, no titles."""

from functools import cache
from typing import Any, cast

from pydantic import BaseModel, TypeAdapter

Schema = dict[str, Any]

_REFERENCE = "#/$defs/"


def input_schema(model: type[BaseModel]) -> Schema:
    """What a tool takes. Objects are closed, so that a client can tell an unknown parameter before it calls."""
    return _plain(model, closed=True)


def output_schema(model: type[BaseModel]) -> Schema:
    """What a tool answers with, fields that are None left out. Objects are open: a later version may say more."""
    return _plain(model, closed=False)


@cache
def _plain(model: type[BaseModel], *, closed: bool) -> Schema:
    # The validation form, also for output: there a field with a default may be absent, as it may on our wire.
    schema = TypeAdapter(model).json_schema(mode="validation")
    definitions = cast("dict[str, Schema]", schema.pop("$defs", {}))
    # The tool's own description says it better.
    schema.pop("description", None)
    return cast("Schema", _simplify(schema, definitions, closed))


def _simplify(node: object, definitions: dict[str, Schema], closed: bool) -> object:
    if isinstance(node, list):
        return [_simplify(item, definitions, closed) for item in cast("list[object]", node)]
    if not isinstance(node, dict):
        return node
    schema = cast("Schema", node)
    reference = cast("str", schema.get("$ref", ""))
    if reference.startswith(_REFERENCE):
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return _simplify(definitions[reference.removeprefix(_REFERENCE)] | beside, definitions, closed)
    if optional := _optional(schema):
        return _simplify(optional, definitions, closed)
    simple = {
        key: _properties(value, definitions, closed) if key == "properties" else _simplify(value, definitions, closed)
        for key, value in schema.items()
        if key != "title" and not (key == "default" and isinstance(value, dict))
    }
    if closed and "properties" in simple:
        simple.setdefault("additionalProperties", False)
    return simple


def _optional(schema: Schema) -> Schema | None:
    """What may be left out, without the null that says so: agents fill in what they see offered."""
    branches = cast("list[Schema]", schema.get("anyOf", []))
    values = [branch for branch in branches if branch.get("type") != "null"]
    if len(values) != 1 or len(branches) != 2 or schema.get("default", "") is not None:
        return None
    return values[0] | {key: value for key, value in schema.items() if key not in {"anyOf", "default"}}


def _properties(properties: Schema, definitions: dict[str, Schema], closed: bool) -> Schema:
    # A property may itself be called `title`.
    return {name: _simplify(value, definitions, closed) for name, value in properties.items()}
