"""What is wrong with a call, told field by field so that the caller can mend it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from contracts.problems import FieldError
from mcp_gateway.decisions.wording import shorten

_SHOWN = 80
_TIMES = frozenset({"datetime_type", "datetime_parsing", "datetime_from_date_parsing", "timezone_aware"})
_NAMED_FIELD = re.compile(r"^(?:Value error, )?(?P<field>[a-z_]+): (?P<message>.+)$", re.DOTALL)

Schema = Mapping[str, Any]


def field_errors(exc: ValidationError, schema: Schema) -> list[FieldError]:
    """One entry for each wrong field; `schema` is the tool's input schema, without references."""
    return [_field_error(error, schema) for error in exc.errors(include_url=False)]


def explain(tool: str, errors: Sequence[FieldError]) -> str:
    """The errors as text: what was wrong, what was given, what is allowed."""
    lines = [f"{tool} was not carried out; these parameters are wrong:"]
    for error in errors:
        given = f" (given: {error.value})" if error.value else ""
        allowed = f"; allowed: {', '.join(error.allowed)}" if error.allowed else ""
        lines.append(f"  - {error.field}: {error.message}{given}{allowed}")
    return "\n".join(lines)


def _field_error(error: ErrorDetails, schema: Schema) -> FieldError:
    path = [part for part in error["loc"] if not _is_validator_name(part)]
    kind = error["type"]
    if kind == "value_error" and (named := _NAMED_FIELD.match(error["msg"])) and path in ([], [named["field"]]):
        return FieldError(field=named["field"], message=named["message"])
    if kind == "missing":
        return FieldError(field=_dotted(path), message="is required")
    if kind == "extra_forbidden":
        return FieldError(
            field=_dotted(path),
            message="is not a parameter of this tool" if len(path) == 1 else "is not known here",
            value=shorten(error["input"], _SHOWN),
            allowed=list(_properties(schema, path[:-1])),
        )
    return FieldError(
        field=_dotted(path),
        message=_message(error),
        value=shorten(error["input"], _SHOWN),
        allowed=_expected(error),
    )


def _is_validator_name(part: int | str) -> bool:
    return isinstance(part, str) and part.startswith("function-")


def _message(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    if error["type"] == "string_too_long":
        return f"is {len(error['input']):,} characters long; at most {context['max_length']:,} are allowed"
    if error["type"] == "string_too_short":
        return "must not be empty" if context["min_length"] == 1 else f"needs {context['min_length']} characters"
    if error["type"] == "string_pattern_mismatch":
        return "must not be blank" if context["pattern"] == r"\S" else f"must match {context['pattern']}"
    if error["type"] in {"enum", "literal_error"}:
        return "is not one of the allowed values"
    if error["type"] in _TIMES:
        return "must be a time with its zone, such as 2026-11-01T08:00:00Z"
    message = error["msg"].removeprefix("Value error, ").replace("Input should", "must", 1)
    return message[:1].lower() + message[1:]


def _expected(error: ErrorDetails) -> list[str]:
    if error["type"] not in {"enum", "literal_error"}:
        return []
    return re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))


def _dotted(path: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in path) or "arguments"


def _properties(schema: Schema, path: Sequence[int | str]) -> Schema:
    for part in path:
        schema = _child(schema, part)
    return cast("Schema", schema.get("properties", {}))


def _child(schema: Schema, part: int | str) -> Schema:
    child: Any = schema.get("items", {}) if isinstance(part, int) else schema.get("properties", {}).get(part, {})
    branches = cast("Schema", child).get("anyOf", [])
    return next((branch for branch in branches if "properties" in branch), cast("Schema", child))
