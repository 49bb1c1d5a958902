"""JSON Schemas of the tools, made from the contracts once: strict, and without what only costs an agent tokens."""

from typing import Any, cast

from pydantic import BaseModel

Schema = dict[str, Any]
NULL: Schema = {"type": "null"}
KEYS_OF_NAMES = frozenset({"properties", "$defs"})
EMPTY_DEFAULTS = (None, [], {})
NOISE = {"title": None, "pattern": None, "maximum": 2**53, "maxLength": 65_536}
"""Keywords left out: always, or when they say what no agent comes near. The contract holds them all the same."""


def input_schema(model: type[BaseModel]) -> Schema:
    """What a tool takes. Unknown parameters are refused, at every depth; an optional one is simply not required."""
    schema = _tidied(model.model_json_schema(mode="validation"), strict=True)
    return {key: value for key, value in schema.items() if key != "description"}


def output_schema(model: type[BaseModel]) -> Schema:
    """What a tool gives as structured content."""
    return _tidied(model.model_json_schema(mode="serialization"), strict=False)


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
