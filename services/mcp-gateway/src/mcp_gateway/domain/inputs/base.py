"""What the inputs of several tools share."""

from typing import Annotated, Any, TypeVar

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from contracts.base import Model

DEFAULT_PAGE = 50
MAX_PAGE = 500
MAX_VALUES = 100

Value = TypeVar("Value")

Cursor = Annotated[str, Field(min_length=1, max_length=2_000)]
PageSize = Annotated[int, Field(ge=1, le=MAX_PAGE)]


class _OneForMany:
    """Takes one value for a list of it, and says so in the JSON Schema."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_listed, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        # The values are told once, with the list: tool lists cost tokens.
        return {"anyOf": [{"type": "string"}, handler(schema)]}


OneOrMany = Annotated[list[Value], Field(max_length=MAX_VALUES), _OneForMany()]
"""A list, for which one value alone may stand."""


class Paged(Model):
    """What every list takes."""

    cursor: Cursor | None = None
    """`next_cursor` of the page before; left out: the first page."""
    limit: PageSize = DEFAULT_PAGE
    """Most entries on the page."""


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value
