"""The sandbox as a server: who may talk to it, how it starts, how it ends."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from contracts.sandbox import OutputEnd
from tests.support.sandbox import SandboxClient, running_sandbox
from tests.support.waiting import PATIENCE_S, eventually

LARGEST_MB = 80
NOBODY = 65534

SLEEPER = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up'); time.sleep(300)"


async def sleeper(client: SandboxClient) -> tuple[str, psutil.Process]:
    """A process that ignores TERM, and what the machine knows of it."""
    made = await client.workspace()
    process_id = await client.python(made["name"], SLEEPER)
    async for _ in client.records(process_id):
        break
    for found in psutil.process_iter(["cmdline", "cwd"]):
        if found.info["cmdline"] and SLEEPER in found.info["cmdline"] and found.info["cwd"] == made["path"]:
            return process_id, found
    raise AssertionError("the process is not there")


async def test_it_is_small_ready_and_says_what_protects() -> None:
    with running_sandbox(forked=False) as server:
        async with server.client() as client:
            assert (await client.http.get("/healthz")).json() == {"status": "ok"}
            answer = await client.http.get("/readyz")
            assert (answer.status_code, answer.json()["ready"]) == (200, True)
            on = {item["name"]: item["on"] for item in answer.json()["protections"]}
            assert (on["bubblewrap"], on["rlimits"]) == (False, True)
            assert on["unprivileged"] is on["process_count"] is (os.getuid() != 0)
        assert psutil.Process(server.process.pid).memory_info().rss < LARGEST_MB * 1024 * 1024
        assert stat.S_IMODE(server.socket.stat().st_mode) == 0o660


def test_it_ends_though_it_is_told_so_while_it_starts() -> None:
    with running_sandbox() as server:
        # It listens, and does not look out for signals yet.
        assert server.stop() == 0
        assert not server.socket.exists()


async def test_each_protection_that_is_missing_has_one_line_in_the_log() -> None:
    with running_sandbox() as server:
        async with server.client() as client:
            told = (await client.http.get("/readyz")).json()["protections"]
        logged = [line for line in server.logged() if line["message"] == "protection is off"]
    missing = [(item["name"], item["detail"]) for item in told if not item["on"]]
    assert [(line["protection"], line["detail"]) for line in logged] == missing
    assert {line["level"] for line in logged} == {"warning"}
    assert "bubblewrap" in dict(missing)


async def test_it_is_not_ready_without_the_bubblewrap_that_is_required() -> None:
    with running_sandbox({"SANDBOX_BUBBLEWRAP": "required", "PATH": "/nonexistent"}) as server:
        async with server.client() as client:
            answer = await client.http.get("/readyz")
    assert answer.status_code == 503
    assert "bubblewrap is required" in answer.json()["detail"]


async def test_a_user_who_is_not_allowed_is_refused_everywhere() -> None:
    with running_sandbox({"SANDBOX_ALLOWED_UIDS": str(os.getuid() + 1)}) as server:
        async with server.client() as client:
            for method, path in (("GET", "/healthz"), ("POST", "/v1/processes"), ("PUT", "/v1/workspaces/x")):
                answer = await client.http.request(method, path)
                assert (answer.status_code, answer.json()["code"]) == (403, "peer_refused")
        assert not (server.root / "x").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_is_told_from_the_own_one_by_the_kernel() -> None:
    with running_sandbox({"SANDBOX_ALLOWED_UIDS": "0"}) as server:
        server.socket.parent.chmod(0o755)
        server.socket.chmod(0o666)
        command = ["curl", "-s", "--unix-socket", str(server.socket), "http://sandbox/healthz"]
        own = subprocess.run(command, capture_output=True, check=True, text=True)
        other = subprocess.run(command, capture_output=True, check=True, text=True, user=NOBODY, cwd="/")
    assert json.loads(own.stdout) == {"status": "ok"}
    assert json.loads(other.stdout)["detail"] == f"uid {NOBODY} may not use this sandbox"


async def test_term_ends_all_processes_and_their_streams_and_leaves_no_socket() -> None:
    with running_sandbox({"SANDBOX_GRACE_MS": "200"}) as server:
        async with server.client() as client:
            process_id, process = await sleeper(client)

            async def last() -> OutputEnd:
                return [record async for record in client.records(process_id)][-1]  # pyright: ignore

            following = asyncio.create_task(last())
            server.process.send_signal(signal.SIGTERM)
            end = await asyncio.wait_for(following, PATIENCE_S)
            assert await asyncio.to_thread(server.process.wait, 10) == 0
        assert end.process.reason == "cancelled"
        assert not process.is_running()
        assert not server.socket.exists()


async def test_processes_die_with_a_sandbox_that_is_killed() -> None:
    with running_sandbox() as server:
        async with server.client() as client:
            _, process = await sleeper(client)
            supervisor = process.parent()
            assert supervisor is not None
            server.process.kill()
            server.process.wait(10)
            await eventually(lambda: not process.is_running() and not supervisor.is_running())


def test_a_second_sandbox_does_not_take_the_socket_of_a_living_one() -> None:
    with running_sandbox() as server:
        variables = {**os.environ, "SANDBOX_SOCKET": str(server.socket), "SANDBOX_WORKSPACE_ROOT": str(server.root)}
        second = subprocess.run([sys.executable, "-m", "sandbox", "serve"], env=variables, capture_output=True)
        assert second.returncode != 0
        assert b"another sandbox listens" in second.stderr
        assert server.socket.exists()


def test_settings_that_are_missing_or_wrong_are_named(tmp_path: Path) -> None:
    variables = {**os.environ, "SANDBOX_SOCKET": str(tmp_path / "s"), "SANDBOX_MAX_RUNNING": "none"}
    done = subprocess.run([sys.executable, "-m", "sandbox", "serve"], env=variables, capture_output=True, text=True)
    assert done.returncode == 2
    assert "SANDBOX_WORKSPACE_ROOT: Field required" in done.stderr
    assert "SANDBOX_MAX_RUNNING: Input should be a valid integer" in done.stderr


async def test_its_log_is_json_by_the_line_and_tells_of_processes() -> None:
    with running_sandbox() as server:
        async with server.client() as client:
            made = await client.workspace()
            process_id = await client.start(made["name"], "true", name="agent")
            await client.finish(process_id)
        server.stop()
        lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    ended = next(line for line in lines if line["message"] == "process ended")
    assert (ended["process_id"], ended["name"], ended["reason"]) == (process_id, "agent", "exited")


async def test_an_unknown_path_is_a_problem_too() -> None:
    with running_sandbox() as server:
        async with server.client() as client:
            answer = await client.http.get("/v2/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_that_is_too_large_or_of_unknown_length_is_refused() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"{}"

    with running_sandbox({"SANDBOX_MAX_BODY_MB": "1"}) as server:
        async with server.client() as client:
            large = await client.http.post("/v1/processes", json={"stdin": "x" * 1_100_000})
            assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
            endless = await client.http.post("/v1/processes", content=parts())
            assert (endless.status_code, endless.json()["code"]) == (411, "length_required")


async def test_no_more_processes_start_than_are_allowed() -> None:
    with running_sandbox({"SANDBOX_MAX_RUNNING": "2", "SANDBOX_KEEP_ENDED": "1"}) as server:
        async with server.client() as client:
            name = (await client.workspace())["name"]
            first, _ = [await client.python(name, "input()", stdin_open=True) for _ in range(2)]
            answer = await client.http.post("/v1/processes", json={"workspace": name, "argv": ["true"]})
            assert (answer.status_code, answer.json()["code"]) == (503, "too_many_processes")
            await client.http.delete(f"/v1/processes/{first}", params={"grace_ms": "0"})
            for _ in range(2):
                await client.finish(await client.start(name, "true"))
            assert (await client.http.get(f"/v1/processes/{first}")).status_code == 404
