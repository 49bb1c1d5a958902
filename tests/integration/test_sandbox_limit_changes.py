"""Changing the limits of a process of a real sandbox while it runs, with bubblewrap and without."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from contracts.sandbox import EndReason, OutputChunk
from tests.support.sandbox import SandboxClient, SandboxServer, needs_bubblewrap, running_sandbox
from tests.support.waiting import eventually

CEILINGS = {"SANDBOX_MAX_MEMORY_MB": "2000", "SANDBOX_MAX_CPU_MS": "400000", "SANDBOX_MAX_PROCESSES": "600"}
# Waits to be told, takes memory, and says so.
HUNGRY = """
import sys, time
print('up')
sys.stdin.readline()
held = b'x' * 150_000_000
print('held')
time.sleep(300)
"""
# Two processes that say what the kernel allows them, each time a line comes.
LIMITS = """
import json, os, resource, sys
ours, theirs = os.pipe()
child = os.fork()
def said():
    return [resource.getrlimit(getattr(resource, n))[0] for n in ('RLIMIT_CPU', 'RLIMIT_DATA', 'RLIMIT_NOFILE')]
if child == 0:
    while os.read(ours, 1):
        print(json.dumps(said()), flush=True)
print('up', flush=True)
for _ in sys.stdin:
    print(json.dumps(said()), flush=True)
    os.write(theirs, b'.')
"""
MB = 1024 * 1024


@pytest.fixture(scope="module", params=["off", pytest.param("required", marks=needs_bubblewrap)])
def server(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    with running_sandbox({"SANDBOX_BUBBLEWRAP": request.param, **CEILINGS}) as started:
        yield started


@pytest.fixture
async def client(server: SandboxServer) -> AsyncIterator[SandboxClient]:
    async with server.client() as made:
        yield made


@pytest.fixture
async def workspace(client: SandboxClient) -> str:
    return (await client.workspace())["name"]


async def change(client: SandboxClient, process_id: str, **limits: int) -> httpx.Response:
    return await client.http.patch(f"/v1/processes/{process_id}/limits", json=limits)


async def say(client: SandboxClient, process_id: str, text: str = "go\n") -> None:
    answer = await client.http.post(f"/v1/processes/{process_id}/stdin", json={"text": text})
    assert answer.status_code == 204


async def lines(client: SandboxClient, process_id: str, count: int) -> list[str]:
    """The first lines of its output, as soon as there are so many."""
    text = ""
    async for record in client.records(process_id):
        assert isinstance(record, OutputChunk), f"it ended: {record}"
        text += record.text
        if text.count("\n") >= count:
            return text.splitlines()[:count]
    raise AssertionError(text)


async def end(client: SandboxClient, process_id: str) -> dict[str, Any]:
    return (await client.http.delete(f"/v1/processes/{process_id}", params={"grace_ms": 0})).json()


async def test_more_memory_lets_a_process_take_more(client: SandboxClient, workspace: str) -> None:
    process_id = await client.python(workspace, HUNGRY, stdin_open=True, limits={"memory_mb": 64})
    answer = await change(client, process_id, memory_mb=400)
    assert (answer.status_code, answer.json()["limits"]["memory_mb"]) == (200, 400)
    await say(client, process_id)
    assert await lines(client, process_id, 2) == ["up", "held"]

    async def is_sampled() -> bool:
        return (await client.http.get(f"/v1/processes/{process_id}/usage")).json()["memory_mb"] > 150

    await eventually(is_sampled)
    assert (await end(client, process_id))["reason"] == "cancelled"


async def test_less_memory_ends_what_has_more(client: SandboxClient, workspace: str) -> None:
    process_id = await client.python(workspace, HUNGRY, stdin_open=True, limits={"memory_mb": 400})
    await say(client, process_id)
    await lines(client, process_id, 2)
    await change(client, process_id, memory_mb=100)
    _, process = await client.finish(process_id)
    assert process.reason is EndReason.MEMORY


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"memory_mb": 2001}, "limits.memory_mb is 2001, above the 2000 that this sandbox allows"),
        ({"processes": 601}, "limits.processes is 601, above the 600 that this sandbox allows"),
        ({"wall_ms": 86_400_001}, "limits.wall_ms is 86400001, above the 86400000 that this sandbox allows"),
    ],
)
async def test_nothing_goes_above_its_ceiling(
    client: SandboxClient, workspace: str, limits: dict[str, int], said: str
) -> None:
    process_id = await client.python(workspace, "input()", stdin_open=True)
    before = (await client.http.get(f"/v1/processes/{process_id}")).json()["limits"]
    answer = await change(client, process_id, **limits)
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (422, "limit_too_high", said)
    assert (await end(client, process_id))["limits"] == before


async def test_what_cannot_be_changed_or_makes_no_sense_is_refused_by_name(
    client: SandboxClient, workspace: str
) -> None:
    process_id = await client.python(workspace, "input()", stdin_open=True)
    for name, value in (("open_files", 100), ("memory_mb", 0)):
        answer = await change(client, process_id, **{name: value})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, name)
    await end(client, process_id)


async def test_less_wall_time_ends_what_has_run_for_longer(client: SandboxClient, workspace: str) -> None:
    process_id = await client.python(workspace, "import time; time.sleep(300)", limits={"wall_ms": 60_000})
    await change(client, process_id, wall_ms=1)
    _, process = await client.finish(process_id)
    assert (process.reason, process.limits.wall_ms) == (EndReason.TIMED_OUT, 1)


async def test_more_wall_time_counts_from_the_start(client: SandboxClient, workspace: str) -> None:
    process_id = await client.python(workspace, "import time; time.sleep(300)", limits={"wall_ms": 1_500})
    await change(client, process_id, wall_ms=3_000)
    _, process = await client.finish(process_id)
    assert process.reason is EndReason.TIMED_OUT
    assert process.duration_ms >= 3_000


async def test_the_kernels_limits_change_in_every_process_of_the_tree(client: SandboxClient, workspace: str) -> None:
    asked = {"cpu_ms": 50_000, "memory_mb": 100, "open_files": 64}
    process_id = await client.python(workspace, LIMITS, stdin_open=True, limits=asked)
    await say(client, process_id)
    assert list(map(json.loads, (await lines(client, process_id, 3))[1:])) == [[55, (200 + 1024) * MB, 64]] * 2
    for step, cpu_ms, memory_mb in ((1, 200_000, 300), (2, 20_000, 50)):
        assert (await change(client, process_id, cpu_ms=cpu_ms, memory_mb=memory_mb)).status_code == 200
        await say(client, process_id)
        said = (await lines(client, process_id, 3 + 2 * step))[1 + 2 * step :]
        assert list(map(json.loads, said)) == [[cpu_ms // 1000 + 5, (2 * memory_mb + 1024) * MB, 64]] * 2
    await end(client, process_id)


async def test_more_output_and_more_processes_are_allowed_on_the_way(client: SandboxClient, workspace: str) -> None:
    code = (
        "import os, sys, time\nprint('up')\nsys.stdin.readline()\n"
        "for _ in range(3):\n    if os.fork() == 0: time.sleep(300)\n"
        "print('x' * 1_500_000)\nsys.stdin.readline()"
    )
    asked = {"output_mb": 1, "processes": 2}
    process_id = await client.python(workspace, code, stdin_open=True, limits=asked)
    await change(client, process_id, output_mb=2, processes=4)
    await say(client, process_id)
    await lines(client, process_id, 2)

    async def all_are_counted() -> bool:
        return (await client.http.get(f"/v1/processes/{process_id}/usage")).json()["processes"] == 4

    await eventually(all_are_counted)
    answer = await end(client, process_id)
    assert (answer["reason"], answer["output_truncated"]) == ("cancelled", False)


async def test_a_change_without_a_limit_changes_nothing(client: SandboxClient, workspace: str) -> None:
    process_id = await client.python(workspace, "input()", stdin_open=True)
    before = (await client.http.get(f"/v1/processes/{process_id}")).json()["limits"]
    answer = await change(client, process_id)
    assert (answer.status_code, answer.json()["limits"]) == (200, before)
    await end(client, process_id)


async def test_limits_of_what_has_ended_cannot_be_changed(client: SandboxClient, workspace: str) -> None:
    process_id = await client.start(workspace, "true")
    await client.finish(process_id)
    answer = await change(client, process_id, memory_mb=100)
    assert (answer.status_code, answer.json()["code"]) == (409, "process_ended")
