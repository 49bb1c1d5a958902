"""Pausing and resuming a whole tree of a real sandbox, with bubblewrap and without."""

import asyncio
import signal
import uuid
from collections.abc import AsyncIterator, Iterator

import psutil
import pytest

from contracts.sandbox import EndReason, OutputChunk
from tests.support.sandbox import SandboxClient, SandboxServer, needs_bubblewrap, running_sandbox
from tests.support.waiting import eventually

# The main process, a child, and a grandchild in a session of its own; each writes a line again and again.
FAMILY = """
import os, sys, time
child = os.fork()
if child == 0 and os.fork() == 0:
    os.setsid()
who = os.getpid()
while True:
    os.write(1, f'{who}\\n'.encode())
    time.sleep(0.01)
"""
# Forks all the time; each child lives for a moment.
FORKING = """
import os, time
os.write(1, b'up\\n')
while True:
    if os.fork() == 0:
        time.sleep(0.05)
        os._exit(0)
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError: pass
"""
ON_TERM = """
import os, signal, sys, time
def stop(*_): os._exit(3)
signal.signal(signal.SIGTERM, stop)
os.write(1, b'up\\n')
time.sleep(300)
"""


@pytest.fixture(scope="module", params=["off", pytest.param("required", marks=needs_bubblewrap)])
def server(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    with running_sandbox({"SANDBOX_BUBBLEWRAP": request.param}) as started:
        yield started


@pytest.fixture
async def client(server: SandboxServer) -> AsyncIterator[SandboxClient]:
    async with server.client() as made:
        yield made


@pytest.fixture
async def workspace(client: SandboxClient) -> str:
    return (await client.workspace())["name"]


async def first_lines(client: SandboxClient, process_id: str, different: int = 1) -> None:
    """Return when as many different lines have come."""
    seen: set[str] = set()
    async for record in client.records(process_id):
        assert isinstance(record, OutputChunk)
        seen |= set(record.text.splitlines())
        if len(seen) >= different:
            return


async def begin(
    client: SandboxClient, workspace: str, code: str, different: int = 1, **more: object
) -> tuple[str, str]:
    """A running program, and a mark by which the machine's processes of it are known."""
    mark = f"# {uuid.uuid4().hex}"
    process_id = await client.python(workspace, code + mark, **more)
    await first_lines(client, process_id, different)
    return process_id, mark


def states(mark: str) -> list[str]:
    """The states of all processes of a program."""
    found: list[str] = []
    for process in psutil.process_iter(["cmdline", "status", "name"]):
        command = process.info["cmdline"] or []
        if command and mark in command[-1] and "python" in command[0]:
            found.append(process.info["status"])
    return [state for state in found if state != psutil.STATUS_ZOMBIE]


async def output_bytes(client: SandboxClient, process_id: str) -> int:
    return (await client.http.get(f"/v1/processes/{process_id}")).json()["stdout_bytes"]


async def test_a_pause_stops_all_of_the_tree_and_a_resume_lets_it_go_on(client: SandboxClient, workspace: str) -> None:
    process_id, mark = await begin(client, workspace, FAMILY, different=3)
    answer = await client.http.post(f"/v1/processes/{process_id}/pause")
    assert (answer.status_code, answer.json()["paused"], answer.json()["state"]) == (200, True, "running")
    assert states(mark) == [psutil.STATUS_STOPPED] * 3
    again = await client.http.post(f"/v1/processes/{process_id}/pause")
    assert (again.status_code, again.json()["paused"]) == (200, True)
    before = await output_bytes(client, process_id)
    for _ in range(2):
        resumed = await client.http.post(f"/v1/processes/{process_id}/resume")
        assert (resumed.status_code, resumed.json()["paused"]) == (200, False)
    assert psutil.STATUS_STOPPED not in states(mark)

    async def goes_on() -> bool:
        return await output_bytes(client, process_id) > before

    await eventually(goes_on)
    await client.http.delete(f"/v1/processes/{process_id}", params={"grace_ms": 0})


async def test_what_forks_all_the_time_is_paused_with_all_its_children(client: SandboxClient, workspace: str) -> None:
    process_id, mark = await begin(client, workspace, FORKING)
    await client.http.post(f"/v1/processes/{process_id}/pause")
    assert set(states(mark)) == {psutil.STATUS_STOPPED}
    answer = await client.http.delete(f"/v1/processes/{process_id}", params={"grace_ms": 0})
    assert answer.json()["reason"] == "cancelled"
    assert states(mark) == []


async def test_wall_time_stands_still_in_a_pause(client: SandboxClient, workspace: str) -> None:
    process_id, _ = await begin(client, workspace, FAMILY, limits={"wall_ms": 2_000})
    await client.http.post(f"/v1/processes/{process_id}/pause")

    async def older_than_its_wall_time() -> bool:
        process = (await client.http.get(f"/v1/processes/{process_id}")).json()
        assert (process["state"], process["paused"]) == ("running", True)
        return process["duration_ms"] > 2_500

    await eventually(older_than_its_wall_time)
    await client.http.post(f"/v1/processes/{process_id}/resume")
    _, process = await client.finish(process_id)
    assert process.reason is EndReason.TIMED_OUT


async def test_a_paused_tree_can_clean_up_when_it_is_ended(client: SandboxClient, workspace: str) -> None:
    process_id, _ = await begin(client, workspace, ON_TERM)
    await client.http.post(f"/v1/processes/{process_id}/pause")
    answer = (await client.http.delete(f"/v1/processes/{process_id}")).json()
    assert (answer["reason"], answer["exit_code"], answer["paused"]) == ("cancelled", 3, False)


async def test_a_signal_that_would_wake_a_part_of_it_is_refused(client: SandboxClient, workspace: str) -> None:
    process_id, mark = await begin(client, workspace, FAMILY)
    await client.http.post(f"/v1/processes/{process_id}/pause")
    answer = await client.http.post(f"/v1/processes/{process_id}/signal", json={"signal": "SIGCONT"})
    assert (answer.status_code, answer.json()["code"]) == (409, "process_paused")
    assert set(states(mark)) == {psutil.STATUS_STOPPED}
    await client.http.delete(f"/v1/processes/{process_id}", params={"grace_ms": 0})


async def test_what_is_woken_from_outside_is_stopped_again(client: SandboxClient, workspace: str) -> None:
    process_id, mark = await begin(client, workspace, FAMILY, different=3)
    await client.http.post(f"/v1/processes/{process_id}/pause")
    for process in psutil.process_iter(["cmdline"]):
        if process.info["cmdline"] and mark in process.info["cmdline"][-1] and "python" in process.info["cmdline"][0]:
            process.send_signal(signal.SIGCONT)
    await eventually(lambda: states(mark) == [psutil.STATUS_STOPPED] * 3)
    await client.http.delete(f"/v1/processes/{process_id}", params={"grace_ms": 0})


async def test_what_had_stopped_itself_stays_stopped(client: SandboxClient, workspace: str) -> None:
    code = "import os, signal, time\nif os.fork() == 0: os.kill(os.getpid(), signal.SIGSTOP)\n"
    code += "os.write(1, b'up\\n')\ntime.sleep(300)"
    process_id, mark = await begin(client, workspace, code)
    await eventually(lambda: sorted(states(mark)) == [psutil.STATUS_SLEEPING, psutil.STATUS_STOPPED])
    await client.http.post(f"/v1/processes/{process_id}/pause")
    assert states(mark) == [psutil.STATUS_STOPPED] * 2
    await client.http.post(f"/v1/processes/{process_id}/resume")
    await eventually(lambda: sorted(states(mark)) == [psutil.STATUS_SLEEPING, psutil.STATUS_STOPPED])
    await client.http.delete(f"/v1/processes/{process_id}", params={"grace_ms": 0})


async def test_many_pauses_and_resumes_at_a_time_leave_it_as_the_last_one_said(
    client: SandboxClient, workspace: str
) -> None:
    process_id, mark = await begin(client, workspace, FAMILY, different=3)
    actions = ["pause", "resume"] * 10
    await asyncio.gather(*(client.http.post(f"/v1/processes/{process_id}/{action}") for action in actions))
    process = (await client.http.get(f"/v1/processes/{process_id}")).json()
    stopped = psutil.STATUS_STOPPED in states(mark)
    assert stopped is process["paused"]
    await client.http.delete(f"/v1/processes/{process_id}", params={"grace_ms": 0})


async def test_what_has_ended_or_never_was_cannot_be_paused(client: SandboxClient, workspace: str) -> None:
    process_id = await client.start(workspace, "true")
    await client.finish(process_id)
    for action in ("pause", "resume"):
        ended = await client.http.post(f"/v1/processes/{process_id}/{action}")
        assert (ended.status_code, ended.json()["code"]) == (409, "process_ended")
        unknown = await client.http.post(f"/v1/processes/never/{action}")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "process_not_found")
