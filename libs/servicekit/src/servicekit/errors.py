"""Errors with a stable code and one sentence, and how errors of validation are told to a caller."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeGuard, cast

import orjson
from pydantic import BaseModel, ValidationError

from contracts.problems import FieldError, Problem

Category = Literal[
    "invalid",
    "malformed",
    "unauthorized",
    "forbidden",
    "not_found",
    "conflict",
    "too_large",
    "unsupported",
    "rate_limited",
    "headers_too_large",
    "address_too_long",
    "unavailable",
    "internal",
]

STATUS_OF_CATEGORY: Mapping[Category, int] = {
    "malformed": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "too_large": 413,
    "address_too_long": 414,
    "unsupported": 415,
    "invalid": 422,
    "rate_limited": 429,
    "headers_too_large": 431,
    "internal": 500,
    "unavailable": 503,
}
TITLE_OF_CATEGORY: Mapping[Category, str] = {
    "malformed": "Malformed request",
    "unauthorized": "Unauthorized",
    "forbidden": "Forbidden",
    "not_found": "Not found",
    "conflict": "Conflict",
    "too_large": "Too large",
    "address_too_long": "Address too long",
    "unsupported": "Unsupported media type",
    "invalid": "Invalid input",
    "rate_limited": "Too many requests",
    "headers_too_large": "Headers too large",
    "internal": "Internal error",
    "unavailable": "Unavailable",
}
MAX_SHOWN = 120
# Pydantic writes the values as Python does: 'a', "don't" or 'c'.
QUOTED = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""")


class Coded(Protocol):
    """What any exception must have to be told to a caller; a service's own errors need not know this library."""

    @property
    def code(self) -> str:
        """Stable name of the error."""
        ...

    @property
    def category(self) -> str:
        """One of Category."""
        ...

    @property
    def detail(self) -> str:
        """One sentence for a person."""
        ...


class ServiceError(Exception):
    """An error for the caller: `code` for programs, `detail` for people, `category` for the edge to map."""

    def __init__(self, code: str, category: Category, detail: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.category: Category = category
        self.detail = detail
        self.errors = list(errors)


def is_coded(error: object) -> TypeGuard[Coded]:
    """Whether an exception says itself how it is to be told."""
    return all(isinstance(getattr(error, name, None), str) for name in ("code", "category", "detail"))


def problem_of(error: Coded) -> Problem:
    """Problem details of any coded error; an unknown category counts as internal."""
    category = cast(Category, error.category) if error.category in STATUS_OF_CATEGORY else "internal"
    return Problem(
        title=TITLE_OF_CATEGORY[category],
        status=STATUS_OF_CATEGORY[category],
        code=error.code,
        detail=error.detail,
        errors=list(getattr(error, "errors", ())),
    )


def validation_problem(error: ValidationError, model: type[BaseModel] | None = None) -> Problem:
    """Problem details of a validation by Pydantic; with `model`, an unknown field's error lists the known ones."""
    return problem_of(invalid_input(cast(Iterable[Mapping[str, Any]], error.errors(include_url=False)), model))


def invalid_input(details: Iterable[Mapping[str, Any]], model: type[BaseModel] | None = None) -> ServiceError:
    """The error for what Pydantic's `errors()` gave; its detail names the first wrong field."""
    errors = [_field_error(detail, model) for detail in details]
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    sentence = f"{first.field}: {first.message}" if first.field else first.message
    return ServiceError("invalid_input", "invalid", sentence + more, errors)


def shown(value: object) -> str:
    """A value as a person may see it in an error: JSON, shortened."""
    text = value if isinstance(value, str) else _json(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}… ({len(text)} characters)"


def _field_error(detail: Mapping[str, Any], model: type[BaseModel] | None) -> FieldError:
    path: tuple[str | int, ...] = detail["loc"]
    allowed = _allowed(detail, model)
    message = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        message = "unknown field"
    given = None if detail["type"] == "missing" else shown(detail.get("input"))
    return FieldError(field=".".join(map(str, path)), message=message, value=given, allowed=allowed)


def _allowed(detail: Mapping[str, Any], model: type[BaseModel] | None) -> list[str]:
    context = detail.get("ctx") or {}
    if detail["type"] in {"enum", "literal_error", "union_tag_invalid"}:
        expected = str(context.get("expected") or context.get("expected_tags") or "")
        return [single or double for single, double in QUOTED.findall(expected)]
    if detail["type"] == "extra_forbidden" and model is not None and len(detail["loc"]) == 1:
        return sorted(model.model_fields)
    return [str(allowed) for allowed in context.get("allowed", ())]


def _json(value: object) -> str:
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode(errors="replace")
    except TypeError:
        return repr(value)
