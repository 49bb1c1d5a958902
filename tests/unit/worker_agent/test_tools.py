"""The table of tools, their schemas, and what they say about wrong arguments."""

from json import dumps

import jsonschema
import pytest
from pydantic import ValidationError

from contracts.events import EVENT_TYPES
from tests.support.examples import FULL, MINIMAL
from worker_agent.mcp.complaints import complaint
from worker_agent.mcp.tools import BY_NAME, INPUT_SCHEMAS, TOOLS, ToolSpec, catalogue

REFERENCE = """
    report_progress report_milestone report_analytics stream_realtime_data report_decision report_plan
    report_test_results report_code_quality report_resource_usage report_performance_profile ask_manager
    request_resources collaborate_with_worker report_error report_completion
"""


def test_the_tools_are_those_of_the_reference() -> None:
    assert list(BY_NAME) == REFERENCE.split()


@pytest.mark.parametrize("tool", TOOLS, ids=list(BY_NAME))
def test_a_tools_input_is_the_body_of_its_event(tool: ToolSpec) -> None:
    assert EVENT_TYPES[tool.kind].model_fields["body"].annotation is tool.body


@pytest.mark.parametrize("tool", TOOLS, ids=list(BY_NAME))
def test_a_schema_takes_what_the_contract_takes(tool: ToolSpec) -> None:
    schema = INPUT_SCHEMAS[tool.name]
    jsonschema.Draft202012Validator.check_schema(schema)
    for example in (FULL[tool.kind], MINIMAL[tool.kind]):
        jsonschema.validate(example, schema)
        with pytest.raises(jsonschema.ValidationError, match="Additional properties"):
            jsonschema.validate(example | {"unknown_one": 1}, schema)


@pytest.mark.parametrize("tool", TOOLS, ids=list(BY_NAME))
def test_what_a_tool_says_fits_every_body(tool: ToolSpec) -> None:
    for example in (FULL[tool.kind], MINIMAL[tool.kind]):
        assert tool.says.format(b=tool.body.model_validate(example))


def test_a_list_of_tools_costs_an_agent_little() -> None:
    seen_by_a_model = [(tool["name"], tool["description"], tool["inputSchema"]) for tool in catalogue()]
    assert len(dumps(seen_by_a_model)) < 23_000


def test_many_wrong_arguments_are_told_together_and_bounded() -> None:
    tool = BY_NAME["report_progress"]
    with pytest.raises(ValidationError) as caught:
        tool.body.model_validate({f"x{number}": 1 for number in range(20)}, extra="forbid")
    text = complaint("report_progress", tool.body, caught.value)
    assert "21 wrong arguments" in text
    assert text.splitlines()[1].startswith("- status: required")
    assert text.splitlines()[-1] == "- … and 13 more"
