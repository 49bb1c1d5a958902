"""JSON Schemas of the tools, made from the contracts once: strict, and without what only costs an agent tokens."""

from collections.abc import Sequence
from typing import Any, cast

from pydantic import BaseModel

from contracts.base import MOST_ITEMS, MOST_KEYS

Schema = dict[str, Any]
NULL: Schema = {"type": "null"}
KEYS_OF_NAMES = frozenset({"properties", "$defs"})
EMPTY_DEFAULTS = (None, [], {})
NOISE = {
    "title": None,
    "pattern": None,
    "maximum": 2**53,
    "maxLength": 65_536,
    "maxItems": MOST_ITEMS,
    "maxProperties": MOST_KEYS,
}
"""Keywords left out: always, or when they say what no agent comes near. The contract holds them all the same."""


LEAN_KEYS = frozenset({"type", "enum", "default", "description"})
UNMENTIONED = frozenset({"task_id"})
"""What a token says already."""


def input_schema(model: type[BaseModel]) -> Schema:
    """What a tool takes. Unknown parameters are refused, at every depth; an optional one is simply not required."""
    schema = _tidied(model.model_json_schema(mode="validation"), strict=True)
    return {key: value for key, value in schema.items() if key != "description"}


def output_schema(model: type[BaseModel]) -> Schema:
    """What a tool gives as structured content."""
    return _tidied(model.model_json_schema(mode="serialization"), strict=False)


def lean_schema(model: type[BaseModel], paths: Sequence[str]) -> Schema:
    """The same with the named parameters alone, `outer.inner` for those of a nested object.

    It says which others are taken as well, and leaves out bounds; the contract holds them all the same.
    """
    schema = input_schema(model)
    return _lean(schema, _tree(paths), schema.get("$defs", {}))


def _tree(paths: Sequence[str]) -> Schema:
    tree: Schema = {}
    for path in paths:
        node = tree
        for name in path.split("."):
            node = node.setdefault(name, {})
    return tree


def _lean(node: Schema, tree: Schema, definitions: Schema) -> Schema:
    if "$ref" in node:
        node = definitions[node["$ref"].rsplit("/", 1)[1]] | {k: v for k, v in node.items() if k != "$ref"}
    lean = {key: value for key, value in node.items() if key in LEAN_KEYS}
    if "enum" in node:
        # The description of an enumeration is that of its class; what it is for is said where it is used.
        lean.pop("type", None)
    if "items" in node:
        lean["items"] = _lean(node["items"], tree, definitions)
    elif "properties" in node:
        lean = {"type": "object"} | _lean_properties(node, tree, definitions)
    return lean


def _lean_properties(node: Schema, tree: Schema, definitions: Schema) -> Schema:
    properties: Schema = node["properties"]
    kept = tree or {name: {} for name in properties if name not in UNMENTIONED}
    lean: Schema = {"properties": {name: _lean(properties[name], kept[name], definitions) for name in kept}}
    others = [name for name in properties if name not in kept and name not in UNMENTIONED]
    if others:
        lean["description"] = f"Also taken: {', '.join(others)}"
    if node.get("required"):
        lean["required"] = node["required"]
    return lean


def _tidied(schema: Schema, *, strict: bool) -> Schema:
    tidy = {key: _value(key, value, strict=strict) for key, value in schema.items() if not _is_noise(key, value)}
    if "default" in tidy and (tidy["default"] in EMPTY_DEFAULTS or isinstance(tidy["default"], dict)):
        del tidy["default"]
    if strict and "properties" in tidy:
        tidy.setdefault("additionalProperties", False)
    return _without_null(tidy)


def _value(key: str, value: Any, *, strict: bool) -> Any:
    if key in KEYS_OF_NAMES:
        return {name: _tidied(cast(Schema, one), strict=strict) for name, one in value.items()}
    if isinstance(value, dict) and key != "default":
        return _tidied(cast(Schema, value), strict=strict)
    if isinstance(value, list) and key in {"anyOf", "oneOf", "allOf", "prefixItems"}:
        return [_tidied(one, strict=strict) for one in cast("list[Schema]", value)]
    return value


def _is_noise(key: str, value: Any) -> bool:
    return key in NOISE and NOISE[key] in (None, value)


def _without_null(schema: Schema) -> Schema:
    choices: list[Schema] | None = schema.get("anyOf")
    if not choices or NULL not in choices:
        return schema
    left = [choice for choice in choices if choice != NULL]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**left[0], **rest} if len(left) == 1 else {"anyOf": left, **rest}
