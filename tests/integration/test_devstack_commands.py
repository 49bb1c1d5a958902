"""`mews up`, `down`, `status` and `logs` as a user calls them, with real servers and stand-ins for the services."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from devstack.processes import identify
from devstack.servers.postgres import Postgres
from devstack.services import SERVICES
from tests.support.stack import TestNats, TestRedis
from tests.support.standins import environment_with_standins
from tests.support.waiting import PATIENCE_S, eventually

EVERYTHING = {"nats", "redis", "postgres", *(service.name for service in SERVICES)}


@dataclass(frozen=True)
class Answer:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Mews:
    """The command line over one project folder."""

    env: dict[str, str]

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "devstack", *arguments, env=self.env,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def __call__(self, *arguments: str) -> Answer:
        process = await self.start(*arguments)
        async with asyncio.timeout(30):
            out, err = await process.communicate()
        assert process.returncode is not None
        return Answer(process.returncode, out.decode(), err.decode())


@pytest.fixture
async def mews(tmp_path: Path) -> AsyncIterator[Mews]:
    command = Mews(environment_with_standins(tmp_path))
    yield command
    await command("down")


def pids_of(state: Any) -> list[int]:
    return [state["pid"], *(member["pid"] for member in state["members"])]


def all_gone(pids: list[int]) -> bool:
    return not any(identify(pid) for pid in pids)


async def test_up_starts_everything_and_a_second_up_says_what_runs(mews: Mews):
    first = await mews("up", "--detach", "--workers", "0", "--json")
    assert first.code == 0, first.err
    assert {member["name"] for member in first.json["members"]} == EVERYTHING
    assert {member["phase"] for member in first.json["members"]} == {"ready"}

    second = await mews("up", "--workers", "0")
    assert second.code == 0
    assert "mews runs already" in second.out
    assert first.json["gateway_url"] in second.out
    now = await mews("status", "--json")
    assert now.code == 0
    assert pids_of(now.json) == pids_of(first.json)


async def test_down_leaves_no_process_and_the_data_for_the_next_up(mews: Mews):
    first = (await mews("up", "-d", "-w", "0", "--json")).json
    assert (await mews("down", "--json")).json == {"was_running": True, "strays_ended": []}
    assert all_gone(pids_of(first))
    assert (await mews("status")).code == 3
    assert (await mews("down")).out == "nothing was running\n"

    again = (await mews("up", "-d", "-w", "0", "--json")).json
    assert [member["address"] for member in again["members"]] == [member["address"] for member in first["members"]]


async def test_a_service_that_is_killed_comes_back(mews: Mews):
    state = (await mews("up", "-d", "-w", "0", "--json")).json
    killed = next(member for member in state["members"] if member["name"] == "orchestrator")
    os.kill(killed["pid"], signal.SIGKILL)

    async def came_back() -> bool:
        now = (await mews("status", "--json")).json
        member = next(member for member in now["members"] if member["name"] == "orchestrator")
        return member["phase"] == "ready" and member["restarts"] == 1 and member["pid"] != killed["pid"]

    await eventually(came_back)


async def test_nothing_outlives_a_supervisor_that_is_killed(mews: Mews):
    state = (await mews("up", "-d", "-w", "0", "--json")).json
    os.kill(state["pid"], signal.SIGKILL)
    await eventually(lambda: all_gone(pids_of(state)))
    assert (await mews("status")).code == 3
    assert (await mews("up", "-d", "-w", "0")).code == 0


async def test_ctrl_c_ends_a_system_in_the_foreground(mews: Mews):
    process = await mews.start("up", "-w", "0")
    state: Any = None

    async def is_ready() -> bool:
        nonlocal state
        answer = await mews("status", "--json")
        state = answer.json
        return answer.code == 0

    await eventually(is_ready)
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert b"system: ready" in out
    assert all_gone(pids_of(state))


async def test_a_service_that_cannot_start_ends_up_with_its_reason(mews: Mews, tmp_path: Path):
    broken = tmp_path / "modules" / "question_broker" / "__main__.py"
    broken.write_text("raise SystemExit('the questions are on fire')")
    answer = await mews("up", "-d", "-w", "0")
    assert answer.code == 1
    assert "python -m question_broker migrate` ended with 1" in answer.err
    assert "the questions are on fire" in (await mews("logs", "question-broker")).out
    assert (await mews("down", "--json")).json == {"was_running": False, "strays_ended": []}


async def test_logs_are_shown_for_people_and_for_programs(mews: Mews):
    await mews("up", "-d", "-w", "0")
    assert (await mews("logs", "orchestrator")).out == "orchestrator     10:00:00.123 info    listening\n"
    assert (await mews("logs", "orchestrator", "--json")).json["event"] == "listening"
    unknown = await mews("logs", "nobody")
    assert unknown.code == 1
    assert "no log of nobody; there are: " in unknown.err


async def test_doctor_finds_nothing_that_keeps_the_system_from_running(mews: Mews):
    answer = await mews("doctor", "--json")
    assert answer.code == 0
    assert [finding for finding in answer.json if finding["level"] == "error"] == []


async def test_doctor_names_a_given_server_that_does_not_answer(mews: Mews):
    mews.env.update(NATS_HOST="127.0.0.1", NATS_PORT="9")
    answer = await mews("doctor", "--json")
    assert answer.code == 1
    wrong = [finding for finding in answer.json if finding["level"] == "error"]
    assert [finding["subject"] for finding in wrong] == ["NATS"]
    assert "127.0.0.1:9" in wrong[0]["detail"]
    up = await mews("up", "-d", "-w", "0")
    assert up.code == 1
    assert "no NATS with JetStream answers at 127.0.0.1:9" in up.err


async def test_given_servers_are_used_instead_of_own_ones(
    mews: Mews, tmp_path: Path, nats_server: TestNats, redis_server: TestRedis
):
    database = Postgres(tmp_path / "given", password="given")
    given = database.start()
    try:
        mews.env.update(nats_server.env(), **redis_server.env())
        mews.env.update(POSTGRES_HOST=given.host, POSTGRES_PORT=str(given.port), POSTGRES_PASSWORD="given")
        answer = await mews("up", "-d", "-w", "0", "--json")
        assert answer.code == 0, answer.err
        assert {member["name"] for member in answer.json["members"]} == EVERYTHING - {"nats", "redis", "postgres"}
        await mews("down")
        assert database.answers()
        assert nats_server.answers()
        connection = await asyncpg.connect(
            host=given.host, port=given.port, user="postgres", password="given", database="mcp_manager"
        )
        assert await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname ~ '^[^p].*_(owner|app)$'") == 10
        await connection.close()
    finally:
        database.stop()


async def test_a_rebuild_without_a_running_system_says_what_to_do(mews: Mews) -> None:
    done = await mews("rebuild")
    assert done.code == 1
    assert "mews up" in done.err
