"""The model base and the field types that every contract is made of."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Generic, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetJsonSchemaHandler, JsonValue, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from contracts.docstrings import describe

SCHEMA_VERSION = "1.0"
"""Value of the `Mews-Schema` header: the major part changes when an old consumer could no longer read a message."""

MOST_ITEMS = 1_000
"""Most items of a list that a worker sends, unless its field says otherwise."""
MOST_KEYS = 10_000
"""Most keys of a free JSON object."""
MOST_DEPTH = 32
"""How deep a free JSON object may be nested."""
MOST_VALUES = 100_000
"""Most values of all depths in a free JSON object."""

ItemT = TypeVar("ItemT")

ID_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
UUID7_PATTERN = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"


class _Utc:
    """Accepts aware times with offset zero alone: in Rust, since a Python validator costs more than all the rest."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> CoreSchema:
        return core_schema.datetime_schema(tz_constraint=0)


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain the NUL character (U+0000)")
    return text


def _storable_json(value: dict[str, Any]) -> dict[str, Any]:
    """Layer by layer, since what is nested a million times must not end in a RecursionError."""
    layer: list[Any] = [value]
    depth = seen = 0
    while layer:
        depth, seen = depth + 1, seen + len(layer)
        if depth > MOST_DEPTH:
            raise ValueError(f"must not be nested deeper than {MOST_DEPTH} levels")
        if seen > MOST_VALUES:
            raise ValueError(f"must not hold more than {MOST_VALUES} values")
        layer = [inner for one in layer for inner in _inside(one)]
    return value


def _inside(value: Any) -> Iterable[Any]:
    """The values right inside of one that can be stored itself."""
    if isinstance(value, str):
        _without_nul(value)
    elif isinstance(value, dict):
        held = cast("dict[str, Any]", value)
        for key in held:
            _without_nul(key)
        return held.values()
    elif isinstance(value, list):
        return cast("list[Any]", value)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("must not hold a whole number of more than 64 bits; write it as a text")
    return ()


TaskId = Annotated[str, Field(pattern=ID_PATTERN, description="Task id, such as `task-0198f3…`.")]
WorkerId = Annotated[str, Field(pattern=ID_PATTERN, description="Worker id: letters, digits, `_` and `-`, at most 64.")]
QuestionId = Annotated[str, Field(pattern=ID_PATTERN, description="Question id, such as `q-0198f3…`.")]
EventId = Annotated[str, Field(pattern=UUID7_PATTERN, description="UUIDv7 in its text form.")]
UtcTime = Annotated[datetime, _Utc()]
# At most ten years: whatever is added to a moment stays one that a calendar has.
Milliseconds = Annotated[int, Field(ge=0, le=315_360_000_000, description="A duration in milliseconds.")]
Count = Annotated[int, Field(ge=0, le=2**53)]
Megabytes = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_without_nul)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=65_536), AfterValidator(_without_nul)]
OptionalText = Annotated[str, StringConstraints(max_length=65_536), AfterValidator(_without_nul)]
FilePath = Annotated[str, StringConstraints(min_length=1, max_length=4_096), AfterValidator(_without_nul)]
AttemptNumber = Annotated[int, Field(ge=1, le=2**31 - 1, description="Number of an attempt of a task, from 1.")]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A figure that cannot be negative."""
JsonObject = Annotated[
    dict[str, JsonValue],
    Field(max_length=MOST_KEYS, description="A free JSON object."),
    AfterValidator(_storable_json),
]
ExitCode = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
Names = Annotated[list[Name], Field(max_length=MOST_ITEMS)]
Texts = Annotated[list[Text], Field(max_length=MOST_ITEMS)]
FilePaths = Annotated[list[FilePath], Field(max_length=10 * MOST_ITEMS)]


class Model(BaseModel):
    """A frozen contract. Unknown fields are ignored on the bus; an edge passes `extra="forbid"` when it validates."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Pydantic's, with what stands below each field as its description."""
        schema = handler(core_schema)
        describe(cls, handler.resolve_ref_schema(schema))
        return schema

    def to_json(self) -> bytes:
        """The JSON that goes on the wire: UTF-8, fields that are None left out."""
        return self.__pydantic_serializer__.to_json(self, exclude_none=True)

    def to_dict(self) -> dict[str, Any]:
        """The same as a dictionary of JSON values."""
        return self.model_dump(mode="json", exclude_none=True)


class Level(StrEnum):
    """How much something matters, most first."""

    critical = "critical"
    high = "high"
    medium = "medium"
    low = "low"


class Page(Model, Generic[ItemT]):
    """One page of a list; `next_cursor` is None on the last."""

    items: list[ItemT]
    next_cursor: str | None = None
