"""Names and values of the tools' parameters, to the letter of the reference."""

import pytest

from contracts.events import EVENT_TYPES
from contracts.events.reporting import StreamType
from contracts.tasks import NewTask
from mcp_gateway.domain import inputs
from mcp_gateway.mcp.catalogue import Catalogue
from mcp_gateway.mcp.table import TOOLS

REFERENCE = {
    "assign_task": {"description", "priority", "worker_id", "requirements", "estimated_duration_ms"},
    "monitor_task": {"task_id", "include_streams", "include_analytics"},
    "manage_workers": {"action", "worker_id", "config"},
    "answer_worker_question": {"question_id", "answer", "additional_context"},
    "view_realtime_streams": {"task_id", "stream_types", "last_n"},
}


@pytest.mark.parametrize(("tool", "parameters"), REFERENCE.items())
def test_the_references_parameters_are_taken(tool: str, parameters: set[str]) -> None:
    schema = Catalogue(TOOLS).input_schema(tool)
    assert schema is not None
    assert parameters <= set(schema["properties"])


def test_streams_filter_by_every_stream_type_and_every_kind_of_event() -> None:
    task_kinds = set(EVENT_TYPES) - {"registered"}
    assert {str(kind) for kind in inputs.StreamFilter} == {str(kind) for kind in StreamType} | task_kinds


def test_workers_are_managed_by_the_references_actions() -> None:
    assert {"list", "pause", "resume", "restart", "update_config"} <= {str(action) for action in inputs.WorkerAction}


def test_one_value_does_for_a_list() -> None:
    assert inputs.ListTasks.model_validate({"status": "running"}).status == ["running"]
    assert inputs.ViewStreams.model_validate({"task_id": "t", "stream_types": "error"}).stream_types == ["error"]


def test_the_example_of_the_reference_is_a_valid_task() -> None:
    requirements = {
        "frameworks": ["passport", "jsonwebtoken"],
        "oauth_providers": ["google", "github"],
        "test_coverage_target": 90,
        "security_requirements": ["rate_limiting", "token_refresh"],
    }
    given = {"description": "Refactor", "priority": "high", "requirements": requirements}
    task = NewTask.model_validate(given | {"estimated_duration_ms": 7_200_000}, extra="forbid")
    assert task.requirements.free == requirements
