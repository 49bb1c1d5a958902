"""What a caller is told of wrong parameters, through the tools' own models and schemas."""

from typing import Any

import pytest
from mcp.types import TextContent

from contracts.problems import FieldError
from mcp_gateway.decisions.faults import explain
from mcp_gateway.errors import InvalidInput
from mcp_gateway.mcp.catalogue import Catalogue
from mcp_gateway.mcp.results import failure
from mcp_gateway.mcp.table import TOOLS

CATALOGUE = Catalogue(TOOLS)


def errors_of(tool: str, arguments: dict[str, Any] | None) -> list[FieldError]:
    offered = CATALOGUE.find(tool)
    assert offered is not None
    with pytest.raises(InvalidInput) as caught:
        offered.parse(arguments)
    return caught.value.errors


def test_an_unknown_parameter_is_named_with_the_known_ones() -> None:
    (error,) = errors_of("assign_task", {"description": "x", "urgency": "high"})
    assert (error.field, error.value) == ("urgency", "high")
    assert {"description", "priority", "worker_id", "requirements", "estimated_duration_ms"} <= set(error.allowed)


def test_a_wrong_enum_value_is_named_with_the_right_ones() -> None:
    (error,) = errors_of("assign_task", {"description": "x", "priority": "urgent"})
    assert (error.field, error.value, error.allowed) == ("priority", "urgent", ["critical", "high", "medium", "low"])


def test_a_wrong_entry_of_a_list_is_named_with_its_place() -> None:
    (error,) = errors_of("view_realtime_streams", {"task_id": "t", "stream_types": ["error", "musing"]})
    assert (error.field, error.value) == ("stream_types.1", "musing")
    assert {"thinking", "milestone"} <= set(error.allowed)


def test_an_unknown_key_inside_is_named_with_its_path() -> None:
    (error,) = errors_of("assign_task", {"description": "x", "requirements": {"limits": {"time": 1}, "free": 1}})
    assert error.field == "requirements.limits.time"
    assert "run_ms" in error.allowed


@pytest.mark.parametrize("description", ["", "  \n"])
def test_an_empty_description_is_refused(description: str) -> None:
    (error,) = errors_of("assign_task", {"description": description})
    assert error.field == "description"
    assert error.message in {"must not be empty", "must not be blank"}


def test_a_missing_parameter_is_named() -> None:
    assert [(error.field, error.message) for error in errors_of("monitor_task", None)] == [("task_id", "is required")]


def test_a_long_description_is_refused_by_its_limit_and_not_repeated() -> None:
    (error,) = errors_of("assign_task", {"description": "x" * 2_000_000})
    assert error.message == "is 2,000,000 characters long; at most 65,536 are allowed"
    assert len(error.value or "") <= 80


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"action": "pause"}, "worker_id"),
        ({"action": "update_config", "worker_id": "w"}, "config"),
        ({"action": "update_config", "worker_id": "w", "config": {}}, "config"),
        ({"action": "restart", "worker_id": "w", "config": {"tags": []}}, "config"),
        ({"action": "pause", "worker_id": "w", "drain": True}, "drain"),
    ],
)
def test_what_an_action_needs_is_named(arguments: dict[str, Any], field: str) -> None:
    (error,) = errors_of("manage_workers", arguments)
    assert error.field == field
    assert arguments["action"] in error.message


def test_every_wrong_parameter_is_explained_on_its_line() -> None:
    errors = errors_of("assign_task", {"description": "", "priority": "urgent"})
    assert explain("assign_task", errors).splitlines() == [
        "assign_task was not carried out; these parameters are wrong:",
        "  - description: must not be empty",
        "  - priority: is not one of the allowed values (given: urgent); allowed: critical, high, medium, low",
    ]


@pytest.mark.parametrize("since", ["yesterday", "2026-01-01", "2026-01-01T00:00:00"])
def test_a_time_without_its_zone_is_refused_with_an_example(since: str) -> None:
    (error,) = errors_of("list_tasks", {"since": since})
    assert (error.field, error.value) == ("since", since)
    assert error.message == "must be a time with its zone, such as 2026-11-01T08:00:00Z"


def test_an_unknown_log_level_is_refused_before_a_worker_is_told() -> None:
    (error,) = errors_of(
        "manage_workers", {"action": "update_config", "worker_id": "w", "config": {"log_level": "loud"}}
    )
    assert (error.field, error.allowed) == ("config.log_level", ["debug", "info", "warning", "error"])


def test_a_field_is_named_once_where_its_own_check_names_it_too() -> None:
    (error,) = errors_of("manage_rules", {"action": "create", "name": "n", "then": {}})
    assert error.field == "then"
    assert error.message.startswith("give exactly one of")


def test_an_error_shows_no_control_characters_of_the_value() -> None:
    (error,) = errors_of("assign_task", {"description": "x", "priority": "\x1b[31mhigh\x00"})
    result = failure("assign_task", InvalidInput("wrong", errors=[error]))
    assert isinstance(result.content[0], TextContent)
    assert "(given: high)" in result.content[0].text


@pytest.mark.parametrize("given", [{"action": "pause", "worker_id": "w"}, {"action": "list", "worker_id": "w"}])
def test_a_status_that_would_be_passed_over_is_refused(given: dict[str, Any]) -> None:
    (error,) = errors_of("manage_workers", given | {"status": "online"})
    assert error.field == "status"
