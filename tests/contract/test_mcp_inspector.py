"""The official Inspector's command line against the gateway and the real services, as a person would use it."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from mcp_gateway.mcp.table import TOOLS
from tests.conftest import StackEnv
from tests.support.node import Finished, NodeTools
from tests.support.whole_gateway import whole_gateway

TOOL_ERROR = 5

Inspect = Callable[..., Awaitable[Finished]]

pytestmark = [pytest.mark.node, pytest.mark.timeout(420)]


@pytest.fixture
async def inspect(node_tools: NodeTools, tmp_path: Path, stack_env: StackEnv) -> AsyncGenerator[Inspect]:
    """`inspect("tools/list", …)` runs the Inspector to its end."""
    async with whole_gateway(stack_env) as url:

        async def run(method: str, *arguments: str) -> Finished:
            return await node_tools.inspector(url, "--transport", "http", "--method", method, *arguments, home=tmp_path)

        yield run


async def answer(inspect: Inspect, tool: str, *arguments: str) -> dict[str, Any]:
    ended = await inspect("tools/call", "--tool-name", tool, "--tool-arg", *arguments)
    assert ended.code == 0, ended.out + ended.err
    return json.loads(ended.out)


async def test_it_assigns_a_task_and_sees_it_everywhere(inspect: Inspect) -> None:
    made = (await answer(inspect, "assign_task", "description=Audit it", "priority=high"))["structuredContent"]
    assert made["priority"] == "high"
    shown = await answer(inspect, "monitor_task", f"task_id={made['task_id']}", "include_streams=true")
    assert shown["content"][0]["text"].startswith(f"Task {made['task_id']} Monitoring:\nStatus: queued\n")
    listed = await answer(inspect, "list_tasks", "status=queued")
    assert [task["task_id"] for task in listed["structuredContent"]["tasks"]] == [made["task_id"]]
    ended = await inspect("resources/read", "--uri", f"mews://tasks/{made['task_id']}")
    assert ended.code == 0, ended.err
    (contents,) = json.loads(ended.out)["contents"]
    assert json.loads(contents["text"])["state"] == "queued"


async def test_it_speaks_the_newer_era_too(inspect: Inspect) -> None:
    modern = ("--protocol-era", "modern", "--format", "json")
    ended = await inspect("tools/call", "--tool-name", "manage_workers", "--tool-arg", "action=list", *modern)
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["result"]["structuredContent"] == {"workers": []}


async def test_it_finds_nothing_wrong_with_the_tools_and_shows_what_is_wrong_with_a_call(inspect: Inspect) -> None:
    ended = await inspect("tools/list", "--strict")
    assert ended.code == 0, ended.err
    assert len(json.loads(ended.out)["tools"]) == len(TOOLS)
    wrong = ("--tool-name", "assign_task", "--tool-arg", "description=x", "priority=urgent")
    ended = await inspect("tools/call", *wrong)
    assert ended.code == TOOL_ERROR
    assert "allowed: critical, high, medium, low" in json.loads(ended.out)["content"][0]["text"]
