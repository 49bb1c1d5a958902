"""The table of tools, as clients see it."""

from typing import Any

import jsonschema
import pytest
from mcp.types import TextContent

from contracts.questions import QuestionKind, QuestionState, RequestDecision, Ruling
from contracts.telemetry import Tail
from contracts.workers import FleetView
from mcp_gateway.decisions.summaries import monitor_report, summary
from mcp_gateway.domain.outputs import Fleet, QuestionList, Streams, TaskList
from mcp_gateway.domain.ruling import RuleList
from mcp_gateway.mcp.catalogue import Catalogue, OfferedTool
from mcp_gateway.mcp.table import TOOLS
from tests.support.reports import (
    analytics_of_task,
    decisions_of_day,
    errors_of_hour,
    performance_of_system,
    quality_of_repository,
)
from tests.support.views import (
    completed_task,
    entry,
    example_facts,
    example_outcome,
    example_rule,
    example_streams,
    online_worker,
    open_question,
    running_task,
)

CATALOGUE = Catalogue(TOOLS)
ANSWERS = {
    "assign_task": summary(running_task()),
    "monitor_task": monitor_report(
        completed_task(),
        facts=example_facts(outcome=example_outcome().to_dict()),
        tail=Tail(task_id="t", entries=example_streams()),
        questions=[open_question()],
        include_analytics=True,
    ),
    "list_tasks": TaskList(tasks=[summary(completed_task()), summary(running_task())], next_cursor="n"),
    "cancel_task": summary(completed_task()),
    "retry_task": summary(running_task()),
    "manage_workers": Fleet(workers=[online_worker()], next_cursor="n", fleet=FleetView(kind="local", replicas=1)),
    "view_realtime_streams": Streams(task_id="t", entries=[entry("milestone", "done")]),
    "get_analytics": analytics_of_task(),
    "performance_report": performance_of_system(),
    "quality_dashboard": quality_of_repository(),
    "analyze_decisions": decisions_of_day(),
    "error_analysis": errors_of_hour(),
    "list_questions": QuestionList(questions=[open_question()]),
    "answer_worker_question": open_question(answer="authlib"),
    "decide_request": open_question(
        kind=QuestionKind.resource_request,
        state=QuestionState.answered,
        answer="trimmed: 1 core",
        answered_by="ada",
        decision=RequestDecision(decision=Ruling.trimmed, amount_granted="1 core", decided_by="ada"),
    ),
    "manage_rules": RuleList(rules=[example_rule()], next_cursor="n"),
}


def offered(name: str) -> OfferedTool:
    tool = CATALOGUE.find(name)
    assert tool is not None
    return tool


def schemas() -> list[tuple[str, dict[str, Any]]]:
    listed = CATALOGUE.listed
    return [(tool.name, schema) for tool in listed for schema in (tool.input_schema, tool.output_schema) if schema]


def test_the_manager_has_these_tools() -> None:
    assert [tool.name for tool in CATALOGUE.listed] == list(ANSWERS)


@pytest.mark.parametrize(("name", "schema"), schemas())
def test_every_schema_is_plain_and_an_object(name: str, schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    assert "$ref" not in str(schema)
    assert "$defs" not in schema


@pytest.mark.parametrize("name", ANSWERS)
def test_every_tool_is_closed_titled_and_annotated(name: str) -> None:
    listed = offered(name).listed
    assert listed.title
    assert listed.input_schema["additionalProperties"] is False
    assert listed.annotations is not None
    assert None not in (
        listed.annotations.read_only_hint,
        listed.annotations.destructive_hint,
        listed.annotations.idempotent_hint,
    )


@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_has_text_and_fits_its_schema(name: str) -> None:
    tool = offered(name)
    assert tool.listed.output_schema is not None
    jsonschema.validate(tool.structure(ANSWERS[name]), tool.listed.output_schema)
    (content,) = tool.content(ANSWERS[name])
    assert isinstance(content, TextContent)
    assert content.text.strip()


def test_requirements_stay_open() -> None:
    schema = offered("assign_task").input_schema
    assert schema["properties"]["requirements"]["additionalProperties"] is True
    assert schema["properties"]["requirements"]["properties"]["limits"]["additionalProperties"] is False


def test_reading_tools_say_so_and_stopping_ones_too() -> None:
    reading = {tool.name for tool in CATALOGUE.listed if tool.annotations and tool.annotations.read_only_hint}
    stopping = {tool.name for tool in CATALOGUE.listed if tool.annotations and tool.annotations.destructive_hint}
    reports = {"get_analytics", "performance_report", "quality_dashboard", "analyze_decisions", "error_analysis"}
    assert reading == {"monitor_task", "list_tasks", "view_realtime_streams", "list_questions"} | reports
    assert stopping == {"cancel_task", "manage_workers", "manage_rules"}


def test_a_tool_that_there_is_not_is_not_found() -> None:
    assert CATALOGUE.find("nope") is None
    assert CATALOGUE.input_schema("nope") is None
