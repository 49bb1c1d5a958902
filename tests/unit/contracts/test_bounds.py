"""Nothing that a worker's agent may send is without a bound: each text, list, number and free object has one."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from contracts import learnings, questions, rpc
from contracts.base import MOST_DEPTH, MOST_KEYS, MOST_VALUES, JsonObject, Milliseconds
from contracts.events import EVENT_TYPES
from contracts.reports import Report
from contracts.workers import Heartbeat

Node = dict[str, Any]
BOUNDS: dict[str, frozenset[str]] = {
    "string": frozenset({"maxLength", "enum", "const", "pattern", "format"}),
    "array": frozenset({"maxItems"}),
    "object": frozenset({"maxProperties", "properties"}),
    "integer": frozenset({"maximum"}),
}
"""A schema of such a type has one of these keywords. Patterns are looked at below."""
MODULES = (learnings, questions, rpc)
"""What is imported here has all its inputs among the subclasses of `Report`."""


def inputs(base: type[BaseModel] = Report) -> Iterator[type[BaseModel]]:
    """Every input of a worker's tool."""
    for model in base.__subclasses__():
        yield model
        yield from inputs(model)


ALL = {model.__name__: model for model in inputs()}


def unbounded(model: type[BaseModel]) -> list[str]:
    """Where in a model something may be as large as it likes."""
    schema = model.model_json_schema()
    return list(_unbounded(schema, schema, model.__name__, frozenset()))


def _unbounded(schema: Node, node: Node, path: str, inside: frozenset[str]) -> Iterator[str]:
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[1]
        if name not in inside:
            yield from _unbounded(schema, schema["$defs"][name], path, inside | {name})
    for choice in node.get("anyOf", ()):
        yield from _unbounded(schema, choice, path, inside)
    if BOUNDS.get(node.get("type", ""), {""}).isdisjoint(node) and node.get("type") in BOUNDS:
        yield f"{path}: {node['type']}"
    if "items" in node:
        yield from _unbounded(schema, node["items"], f"{path}[]", inside)
    for name, inner in node.get("properties", {}).items():
        yield from _unbounded(schema, inner, f"{path}.{name}", inside)


def patterns(node: object) -> Iterator[str]:
    """All patterns of a schema."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "pattern" and isinstance(value, str):
                yield value
            yield from patterns(value)
    elif isinstance(node, list):
        for item in node:
            yield from patterns(item)


@pytest.mark.parametrize("model", [pytest.param(model, id=name) for name, model in sorted(ALL.items())])
def test_an_input_of_a_worker_tool_is_bounded_everywhere(model: type[BaseModel]) -> None:
    assert unbounded(model) == []
    assert not [pattern for pattern in patterns(model.model_json_schema()) if "*" in pattern or "+" in pattern]


def test_every_report_is_looked_at() -> None:
    looked_at = set(ALL.values())
    bodies = {cls.model_fields["body"].annotation for cls in EVENT_TYPES.values()}
    assert len(looked_at) >= 35
    assert len(bodies & looked_at) >= 25


def test_a_field_without_a_bound_is_found() -> None:
    class Inner(BaseModel):
        texts: list[str] = []

    class Loose(BaseModel):
        inner: Inner
        free: dict[str, int] | None = None
        number: int = 0

    assert unbounded(Loose) == [
        "Loose.inner.texts: array",
        "Loose.inner.texts[]: string",
        "Loose.free: object",
        "Loose.number: integer",
    ]


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (nested(MOST_DEPTH), "nested deeper"),
        (nested(150), "nested deeper"),
        (nested(100_000), "recursion"),
        (json.dumps({"a": [[0] * 1_000] * (MOST_VALUES // 1_000 + 1)}), "more than 100000 values"),
        (json.dumps({str(number): 0 for number in range(MOST_KEYS + 1)}), "at most 10000"),
        (json.dumps({"a": [2**63]}), "64 bits"),
        (json.dumps({"a": {"b\x00": 1}}), "NUL"),
    ],
    ids=["deep", "deeper", "abyss", "wide", "keys", "number", "nul"],
)
def test_a_free_object_beyond_its_bounds_is_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        TypeAdapter(JsonObject).validate_json(text)


def test_a_free_object_at_its_bounds_is_taken() -> None:
    taken = TypeAdapter(JsonObject).validate_json(nested(MOST_DEPTH - 1))
    assert json.dumps(taken, separators=(",", ":")) == nested(MOST_DEPTH - 1)


@pytest.mark.parametrize("slots", [-1, 1_001, 2**31])
def test_a_heartbeat_has_no_more_slots_than_a_worker_may_have(slots: int) -> None:
    beat = {"worker_id": "w", "incarnation": "i", "sent_at": "2026-01-02T03:04:05Z", "slots_total": 1, "slots_free": 0}
    Heartbeat.model_validate(beat)
    for name in ("slots_total", "slots_free"):
        with pytest.raises(ValidationError, match=name):
            Heartbeat.model_validate(beat | {name: slots})


def test_the_longest_duration_can_be_added_to_any_time_of_this_century() -> None:
    longest = TypeAdapter(Milliseconds).json_schema()["maximum"]
    assert datetime(2099, 12, 31, tzinfo=UTC) + timedelta(milliseconds=longest)
    with pytest.raises(ValidationError):
        TypeAdapter(Milliseconds).validate_python(longest + 1)
