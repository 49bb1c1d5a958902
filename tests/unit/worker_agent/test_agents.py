"""The adapters: how agents are started, and how their output is read."""

from dataclasses import replace
from json import dumps, loads
from typing import Any

import pytest

from contracts.sandbox import StreamName
from contracts.tasks import CollaborationTerms, Requirements
from tests.unit.worker_agent.test_admission import assignment
from tests.unit.worker_agent.test_outcome import process
from worker_agent.agents import AgentHost, adapters
from worker_agent.errors import TaskUnusable
from worker_agent.ports import AgentJob

HOST = AgentHost("python")
OUT, ERR = StreamName.STDOUT, StreamName.STDERR


def job(**requirements: Any) -> AgentJob:
    wanted = assignment().model_copy(update={"requirements": Requirements.model_validate(requirements)})
    return AgentJob(wanted, "http://127.0.0.1:1/mcp", "token", "/home", "/work")


def shown(agent: str, *lines: tuple[StreamName, str]) -> list[tuple[str, str]]:
    reader = adapters(HOST)[agent].reader(assignment())
    bodies = [body for stream, line in lines for body in reader.read(stream, line, None)]
    return [(body.stream_type, body.content) for body in bodies]  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("command", "argv"),
    [("echo a | wc", ("/bin/sh", "-c", "echo a | wc")), (["ls", "-l"], ("ls", "-l"))],
)
def test_a_command_is_for_the_shell_or_a_program(command: Any, argv: tuple[str, ...]) -> None:
    assert adapters(HOST)["command"].launch(job(command=command)).argv == argv


@pytest.mark.parametrize("command", [None, "", "  ", [], [1], {"a": 1}])
def test_a_task_without_a_usable_command_is_refused(command: Any) -> None:
    with pytest.raises(TaskUnusable, match=r"requirements\.command"):
        adapters(HOST)["command"].launch(job(command=command))


def test_an_agent_gets_its_task_and_the_way_to_its_tools() -> None:
    launch = adapters(AgentHost("/usr/bin/python3"))["auditor"].launch(job(env={"A": "b"}, goal={"depth": 3}))
    assert launch.argv == ("/usr/bin/python3", "-P", "-m", "auditor", "run")
    assert dict(launch.env) == {
        "MEWS_MCP_URL": "http://127.0.0.1:1/mcp",
        "MEWS_MCP_TOKEN": "token",
        "MEWS_TASK_ID": "task-1",
        "MEWS_PROMPT": "x",
        "MEWS_REQUIREMENTS": dumps({"goal": {"depth": 3}}),
        "A": "b",
    }


@pytest.mark.parametrize(("requirements", "gate"), [({}, "report-only"), ({"quality_gate": "strict"}, "strict")])
def test_an_auditor_that_helps_another_worker_does_not_ask_the_manager(requirements: Any, gate: str) -> None:
    terms = CollaborationTerms(question_id="q-1", collaboration_type="testing", from_worker="worker-2")
    asked = job(**requirements)
    helping = replace(asked, assignment=asked.assignment.model_copy(update={"collaboration": terms}))
    env = adapters(HOST)["auditor"].launch(helping).env
    assert loads(env["MEWS_REQUIREMENTS"]) == {"quality_gate": gate}


def test_what_an_auditor_says_goes_to_the_stream_that_it_names() -> None:
    lines = [
        (OUT, dumps({"type": "thinking", "content": "hm"})),
        (OUT, dumps({"type": "result", "content": {"ok": True}})),
        (OUT, "{not json"),
        (OUT, '["a"]'),
        (OUT, dumps({"type": "output", "content": ""})),
        (ERR, dumps({"type": "error", "content": "told on the wrong stream"})),
    ]
    assert shown("auditor", *lines)[:4] == [
        ("thinking", "hm"),
        ("output", '{"ok": true}'),
        ("output", "{not json"),
        ("output", '["a"]'),
    ]
    assert shown("auditor", *lines)[4][0] == "output"


def test_a_commands_lines_are_output_and_blank_ones_nothing() -> None:
    assert shown("command", (OUT, "a"), (OUT, "  "), (ERR, "\x1b[1mb\x1b[0m")) == [("output", "a"), ("output", "b")]


def test_a_very_long_line_is_shortened() -> None:
    ((_, content),) = shown("command", (OUT, "x" * 100_000))
    assert len(content) < 20_000


@pytest.mark.parametrize("agent", ["auditor", "command"])
def test_the_exit_code_says_how_it_went(agent: str) -> None:
    reader = adapters(HOST)[agent].reader(assignment())
    assert reader.end(process()).failure is None
    assert reader.end(process(exit_code=1)).failure == "the agent exited with 1"
