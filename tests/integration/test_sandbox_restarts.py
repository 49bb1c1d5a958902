"""A sandbox that is killed and started again: what it still knows, and that nothing it ran is left."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import psutil
import pytest

from contracts.sandbox import EndReason, OutputChunk, ProcessState
from tests.support.sandbox import SandboxClient, SandboxServer, launch, needs_bubblewrap, running_sandbox
from tests.support.waiting import eventually

SLEEPER = (
    "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nos.write(1, b'up\\n')\ntime.sleep(300)"
)
ORPHAN = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    os.write(1, b'up\\n')\ntime.sleep(300)"


@pytest.fixture(scope="module", params=["off", pytest.param("required", marks=needs_bubblewrap)])
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def server(mode: str) -> Iterator[SandboxServer]:
    with running_sandbox({"SANDBOX_BUBBLEWRAP": mode}) as started:
        yield started


@asynccontextmanager
async def started_again(server: SandboxServer, mode: str) -> AsyncIterator[SandboxClient]:
    """A client of the sandbox that takes the place of one that was killed."""
    again = launch(server.root.parent, {"SANDBOX_BUBBLEWRAP": mode})
    try:
        async with again.client() as client:
            yield client
    finally:
        again.stop()


async def begin(client: SandboxClient, code: str) -> tuple[str, dict[str, str]]:
    made = await client.workspace()
    process_id = await client.python(made["name"], code)
    async for record in client.records(process_id):
        assert isinstance(record, OutputChunk)
        break
    return process_id, made


def family(folder: str) -> list[psutil.Process]:
    """All processes that work in a folder, zombies left out."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.cwd() == folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


async def test_what_had_ended_is_known_with_its_result_and_output(server: SandboxServer, mode: str) -> None:
    async with server.client() as client:
        made = await client.workspace()
        code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
        process_id = await client.python(made["name"], code, name="agent", env={"TOKEN": "not-to-be-kept"})
        before = await client.finish(process_id)
        server.process.kill()
        server.process.wait(10)
    (server.root / ".making-half").mkdir()
    async with started_again(server, mode) as client:
        assert (await client.http.get(f"/v1/workspaces/{made['name']}")).json() == made
        assert await client.finish(process_id) == before
        assert (before[1].exit_code, before[1].name) == (7, "agent")
        assert (await client.finish(process_id, offset=4, stream="stdout"))[0] == ""
        listed = (await client.http.get("/v1/processes", params={"workspace": made["name"]})).json()["items"]
        assert [item["process_id"] for item in listed] == [process_id]
        body = {"workspace": made["name"], "argv": list(before[1].argv), "process_id": process_id}
        repeated = await client.http.post("/v1/processes", json=body)
        assert (repeated.status_code, repeated.json()["exit_code"]) == (200, 7)
    assert not (server.root / ".making-half").exists()
    kept = server.root / made["name"] / "output"
    assert not any(b"not-to-be-kept" in path.read_bytes() for path in kept.iterdir())


async def test_what_ran_has_ended_and_is_known_as_lost(server: SandboxServer, mode: str) -> None:
    async with server.client() as client:
        process_id, made = await begin(client, SLEEPER)
        server.process.kill()
        server.process.wait(10)
    async with started_again(server, mode) as client:
        assert family(made["path"]) == []
        text, process = await client.finish(process_id)
        assert (text, process.stdout_bytes, process.state) == ("up\n", 3, ProcessState.ENDED)
        assert (process.reason, process.exit_code, process.signal) == (EndReason.LOST, None, None)
        assert (await client.http.delete(f"/v1/processes/{process_id}")).json()["reason"] == "lost"
        for action, body in (("signal", {"signal": "SIGINT"}), ("stdin", {"text": "x"}), ("pause", None)):
            answer = await client.http.post(f"/v1/processes/{process_id}/{action}", json=body)
            assert (answer.status_code, answer.json()["code"]) == (409, "process_ended")


async def test_a_stopped_supervisor_saves_nothing_from_the_end(server: SandboxServer, mode: str) -> None:
    async with server.client() as client:
        _, made = await begin(client, SLEEPER)
        server.process.send_signal(signal.SIGSTOP)
        for process in psutil.Process(server.process.pid).children():
            process.send_signal(signal.SIGSTOP)
        server.process.kill()
        server.process.wait(10)
    async with started_again(server, mode):
        await eventually(lambda: family(made["path"]) == [])


async def test_what_lost_its_supervisor_too_is_found_and_killed(server: SandboxServer, mode: str) -> None:
    async with server.client() as client:
        process_id, made = await begin(client, ORPHAN)
        server.process.send_signal(signal.SIGSTOP)
        for process in psutil.Process(server.process.pid).children():
            process.kill()
        server.process.kill()
        server.process.wait(10)
        if mode == "off":
            assert len(family(made["path"])) == 2
    async with started_again(server, mode) as client:
        await eventually(lambda: family(made["path"]) == [])
        assert (await client.http.get(f"/v1/processes/{process_id}")).json()["reason"] == "lost"


async def test_a_record_that_is_spoiled_is_left_out(server: SandboxServer, mode: str) -> None:
    async with server.client() as client:
        made = await client.workspace()
        process_id = await client.start(made["name"], "true")
        await client.finish(process_id)
        server.process.kill()
        server.process.wait(10)
    (server.root / made["name"] / "output" / f"{process_id}.process.json").write_text('{"number": 1, "pro')
    (server.root / "stray").mkdir()
    async with started_again(server, mode) as client:
        answer = await client.http.get(f"/v1/processes/{process_id}")
        assert (answer.status_code, answer.json()["code"]) == (404, "process_not_found")
    assert "record not read" in server.log.read_text()


async def test_what_is_forgotten_leaves_nothing_on_disk() -> None:
    with running_sandbox({"SANDBOX_KEEP_ENDED": "1"}) as server:
        async with server.client() as client:
            made = await client.workspace()
            ids = [await client.start(made["name"], "true") for _ in range(2)]
            for process_id in ids:
                await client.finish(process_id)
            await client.finish(await client.start(made["name"], "true"))
        kept = os.listdir(server.root / made["name"] / "output")
        assert not any(name.startswith(ids[0]) for name in kept)
