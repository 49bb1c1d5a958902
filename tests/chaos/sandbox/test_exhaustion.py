"""Commands that take all they can get, and that do not want to end: each is held, and nothing of it is left."""

import asyncio

import psutil
import pytest

from contracts.sandbox import EndReason, OutputEnd
from tests.support import attacks
from tests.support.sandbox import RECORDS, SandboxClient, SandboxServer
from tests.support.waiting import eventually

LIMITS = {"memory_mb": 100, "processes": 40, "output_mb": 2, "disk_mb": 30, "wall_ms": 30_000, "cpu_ms": 10_000}
MB = 1024 * 1024
GROWTH = 20 * MB


def left(server: SandboxServer) -> list[psutil.Process]:
    """What runs below the sandbox."""
    found = psutil.Process(server.process.pid).children(recursive=True)
    return [process for process in found if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize(
    ("code", "reasons"),
    [
        (attacks.FORKS, {EndReason.PROCESS_LIMIT, EndReason.MEMORY}),
        (attacks.HUNDRED, {EndReason.PROCESS_LIMIT, EndReason.MEMORY}),
        (attacks.ZOMBIES, {EndReason.PROCESS_LIMIT, EndReason.EXITED, EndReason.CPU_LIMIT}),
        (attacks.HOG, {EndReason.MEMORY}),
        (attacks.HOGS, {EndReason.MEMORY}),
        (attacks.GIGABYTE, {EndReason.OUTPUT_LIMIT}),
        (attacks.NO_NEWLINE, {EndReason.OUTPUT_LIMIT}),
        (attacks.FILLER, {EndReason.DISK_LIMIT}),
        (attacks.TINY_FILES, {EndReason.DISK_LIMIT, EndReason.CPU_LIMIT}),
        (attacks.DEEP, {EndReason.DISK_LIMIT}),
        (attacks.KILLS_SUPERVISOR, {EndReason.SIGNALLED}),
        (attacks.STOPS_THEN_KILLS_SUPERVISOR, {EndReason.SIGNALLED}),
    ],
    ids=[
        "forks",
        "hundred-processes",
        "zombies",
        "hog",
        "hogs",
        "gigabyte",
        "no-newline",
        "filler",
        "tiny-files",
        "deep-folders",
        "kills-supervisor",
        "stops-then-kills-supervisor",
    ],
)
async def test_what_takes_too_much_is_ended_and_leaves_nothing(
    server: SandboxServer, client: SandboxClient, workspace: str, code: str, reasons: set[EndReason]
) -> None:
    _, process = await client.run(workspace, code, limits=LIMITS)
    assert process.reason in reasons
    await eventually(lambda: not left(server), within=10)
    assert (await client.http.delete(f"/v1/workspaces/{workspace}")).status_code == 204
    assert not (server.root / workspace).exists()


@pytest.mark.parametrize(
    "code",
    [attacks.DEAF, attacks.DAEMON + "time.sleep(300)", attacks.STOPS_SUPERVISOR, attacks.STOPS_ITSELF],
    ids=["deaf", "daemon", "stops-supervisor", "stops-itself"],
)
async def test_what_resists_is_ended_all_the_same(
    server: SandboxServer, client: SandboxClient, workspace: str, code: str
) -> None:
    process_id = await client.python(workspace, code, limits=LIMITS)
    answer = (await client.http.delete(f"/v1/processes/{process_id}")).json()
    assert (answer["state"], answer["reason"]) == ("ended", "cancelled")
    await eventually(lambda: not left(server), within=10)


async def test_a_hundred_processes_run_side_by_side(client: SandboxClient, workspace: str) -> None:
    ids = await asyncio.gather(*(client.start(workspace, "sh", "-c", f"echo {n}") for n in range(100)))
    ended = await asyncio.gather(*(client.finish(process_id) for process_id in ids))
    assert [(text, process.exit_code) for text, process in ended] == [(f"{n}\n", 0) for n in range(100)]


async def test_a_reader_that_stalls_costs_no_memory_and_misses_nothing(
    server: SandboxServer, client: SandboxClient, workspace: str
) -> None:
    memory = psutil.Process(server.process.pid).memory_info
    before = memory().rss
    process_id = await client.python(workspace, attacks.GIGABYTE, limits=LIMITS | {"output_mb": 60})
    async with client.http.stream("GET", f"/v1/processes/{process_id}/output") as stalled:
        ended = (await client.http.get(f"/v1/processes/{process_id}/wait", params={"timeout_ms": 60_000})).json()
        assert (ended["reason"], ended["stdout_bytes"]) == ("output_limit", 60 * MB)
        assert memory().rss - before < GROWTH
        records = [RECORDS.validate_json(line) async for line in stalled.aiter_lines()]
    *chunks, end = records
    assert isinstance(end, OutputEnd)
    assert sum(chunk.size for chunk in chunks if not isinstance(chunk, OutputEnd)) == 60 * MB
    assert memory().rss - before < GROWTH


async def test_arguments_and_environments_of_any_size_are_refused_or_run(client: SandboxClient, workspace: str) -> None:
    for body in ({"argv": ["true", *["x" * 131_071] * 40]}, {"argv": ["true"], "env": {"A": "x" * 200_000}}):
        answer = await client.http.post("/v1/processes", json={"workspace": workspace, **body})
        assert answer.status_code == 422
