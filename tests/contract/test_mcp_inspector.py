"""The official Inspector's command line against the gateway, as a person would use it."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import gateway
from tests.support.node import Finished, NodeTools
from tests.support.upstreams import World, upstreams
from tests.support.views import running_task

TOOL_ERROR = 5

pytestmark = [pytest.mark.node, pytest.mark.timeout(420)]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def url(world: World) -> AsyncGenerator[str]:
    async with upstreams(world) as addresses, gateway(addresses) as found:
        yield found


@pytest.fixture
def inspect(node_tools: NodeTools, tmp_path: Path, url: str) -> Any:
    async def run(method: str, *arguments: str) -> Finished:
        return await node_tools.inspector(url, "--transport", "http", "--method", method, *arguments, home=tmp_path)

    return run


async def test_it_lists_the_tools(inspect: Any) -> None:
    ended = await inspect("tools/list", "--strict")
    assert ended.code == 0, ended.err
    names = [tool["name"] for tool in json.loads(ended.out)["tools"]]
    assert names[:2] == ["assign_task", "monitor_task"]
    assert len(names) == 9


async def test_it_assigns_a_task(inspect: Any, world: World) -> None:
    arguments = ("--tool-name", "assign_task", "--tool-arg", "description=Audit it", "priority=high")
    ended = await inspect("tools/call", *arguments)
    assert ended.code == 0, ended.err
    (task,) = world.tasks.values()
    assert json.loads(ended.out)["structuredContent"]["task_id"] == task.task_id
    assert (task.description, task.priority) == ("Audit it", "high")


async def test_it_monitors_in_the_newer_era_too(inspect: Any, world: World) -> None:
    world.put(running_task())
    arguments = ("--tool-name", "monitor_task", "--tool-arg", "task_id=task-abc123", "include_streams=true")
    ended = await inspect("tools/call", *arguments, "--protocol-era", "modern", "--format", "json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["result"]["structuredContent"]["status"] == "executing"


async def test_it_shows_a_wrong_value_with_the_right_ones(inspect: Any) -> None:
    arguments = ("--tool-name", "assign_task", "--tool-arg", "description=x", "priority=urgent")
    ended = await inspect("tools/call", *arguments)
    assert ended.code == TOOL_ERROR
    assert "allowed: critical, high, medium, low" in json.loads(ended.out)["content"][0]["text"]


async def test_it_reads_a_resource(inspect: Any, world: World) -> None:
    world.put(running_task())
    ended = await inspect("resources/read", "--uri", "mews://tasks/task-abc123")
    assert ended.code == 0, ended.err
    (contents,) = json.loads(ended.out)["contents"]
    assert json.loads(contents["text"])["status"] == "executing"
