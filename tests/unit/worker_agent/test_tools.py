"""The table of tools, their schemas, their profiles, and what they say about wrong arguments."""

from json import dumps
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from contracts.events import EVENT_TYPES
from contracts.rpc import RPCS
from tests.support.tool_examples import FULL_INPUT, MINIMAL_INPUT
from worker_agent.domain import ToolAccess, ToolProfile
from worker_agent.mcp.complaints import complaint
from worker_agent.mcp.spec import ToolSpec
from worker_agent.mcp.tools import BY_NAME, TOOLS, catalogue, input_schema_of, listed

DESIGN = """
    report_progress report_milestone report_analytics stream_realtime_data report_tool_call report_token_usage
    report_decision report_plan update_plan_step
    report_test_results report_code_quality report_coverage report_security_scan
    report_dependency_analysis report_benchmark report_code_change publish_artifact
    report_resource_usage report_performance_profile report_api_quota
    ask_manager get_answer request_resources collaborate_with_worker respond_to_collaboration list_workers
    report_error report_recovery report_blocker report_completion
    get_task get_next_task check_commands save_checkpoint load_checkpoint end_session
    share_learning search_learnings
"""
CORE = ToolAccess(profile=ToolProfile.core)
ALL = pytest.mark.parametrize("tool", TOOLS, ids=list(BY_NAME))


def seen_by_a_model(profile: ToolProfile) -> int:
    return len(dumps([(tool["name"], tool["description"], tool["inputSchema"]) for tool in catalogue(profile)]))


def test_the_tools_are_those_of_the_design() -> None:
    assert list(BY_NAME) == DESIGN.split()
    assert len(BY_NAME) == 38


@ALL
def test_a_tools_input_is_the_body_of_its_event_or_the_request_of_its_query(tool: ToolSpec) -> None:
    rpc = RPCS.get(tool.name)
    if tool.kind != "tool_call" or tool.name == "report_tool_call":
        assert EVENT_TYPES[tool.kind].model_fields["body"].annotation is tool.body
    elif rpc is not None:
        assert tool.body is rpc.request


@ALL
def test_a_schema_takes_what_the_contract_takes(tool: ToolSpec) -> None:
    schema = input_schema_of(tool.name) or {}
    jsonschema.Draft202012Validator.check_schema(schema)
    for example in (FULL_INPUT[tool.name], MINIMAL_INPUT[tool.name]):
        jsonschema.validate(example, schema)
        with pytest.raises(jsonschema.ValidationError, match="Additional properties"):
            jsonschema.validate(example | {"unknown_one": 1}, schema)


@ALL
def test_what_a_tool_says_fits_every_body(tool: ToolSpec) -> None:
    for example in (FULL_INPUT[tool.name], MINIMAL_INPUT[tool.name]):
        said = tool.says.format(b=tool.body.model_validate(example))
        assert bool(said) is bool(tool.says)


@ALL
def test_every_tool_has_a_subject_and_its_result_a_schema(tool: ToolSpec) -> None:
    assert tool.subject.startswith(("worker.", "manager."))
    (one,) = (listed_tool for listed_tool in listed(ToolAccess()) if listed_tool.name == tool.name)
    assert one.output_schema is not None
    jsonschema.Draft202012Validator.check_schema(one.output_schema)


@ALL
def test_a_query_is_read_only_and_asks_someone(tool: ToolSpec) -> None:
    (one,) = (listed_tool for listed_tool in listed(ToolAccess()) if listed_tool.name == tool.name)
    assert one.annotations is not None
    assert one.annotations.read_only_hint is tool.reads
    assert one.annotations.destructive_hint is (tool.name == "end_session")
    if tool.reads:
        assert tool.asked


def test_a_list_of_tools_costs_an_agent_little() -> None:
    assert seen_by_a_model(ToolProfile.full) < 47_000


def test_core_is_a_quarter_of_the_full_list_at_most_as_sent_and_as_a_model_sees_it() -> None:
    sent = {profile: len(dumps(catalogue(profile))) for profile in ToolProfile}
    assert len(catalogue(ToolProfile.core)) <= 14
    assert sent[ToolProfile.core] <= sent[ToolProfile.full] / 4
    assert seen_by_a_model(ToolProfile.core) <= seen_by_a_model(ToolProfile.full) / 4


@pytest.mark.parametrize("tool", listed(CORE), ids=lambda tool: tool.name)
def test_a_lean_schema_takes_all_that_the_contract_takes_and_names_all_of_it(tool: Any) -> None:
    schema, whole = tool.input_schema, input_schema_of(tool.name) or {}
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(FULL_INPUT[tool.name], schema)
    jsonschema.validate(MINIMAL_INPUT[tool.name], schema)
    assert schema.get("required") == whole.get("required")
    mentioned = dumps(schema)
    assert [name for name in whole["properties"] if name != "task_id" and name not in mentioned] == []


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool.core is not None], ids=lambda tool: tool.name)
def test_what_core_lists_of_a_tool_is_there(tool: ToolSpec) -> None:
    for path in tool.core or ():
        model: Any = tool.body.model_json_schema()
        node = model
        for name in path.split("."):
            node = resolved(node, model)["properties"][name]


def resolved(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    node = node.get("items", node)
    return schema["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node


def test_a_granted_tool_is_listed_beside_the_core_and_a_granted_profile_lists_all() -> None:
    one_more = CORE.granted("report_benchmark")
    assert {tool.name for tool in listed(one_more)} - {tool.name for tool in listed(CORE)} == {"report_benchmark"}
    assert len(listed(CORE.granted("full"))) == len(TOOLS)
    assert one_more.withdrawn("report_benchmark") == CORE
    assert CORE.granted("full").withdrawn("full") == CORE


def test_many_wrong_arguments_are_told_together_and_bounded() -> None:
    tool = BY_NAME["report_progress"]
    with pytest.raises(ValidationError) as caught:
        tool.body.model_validate({f"x{number}": 1 for number in range(20)}, extra="forbid")
    text = complaint("report_progress", tool.body, caught.value)
    assert "21 wrong arguments" in text
    assert text.splitlines()[1].startswith("- status: required")
    assert text.splitlines()[-1] == "- … and 13 more"
