"""Requests for resources: granted by the worker's policy or by the manager, applied to a running agent, and ended."""

import asyncio
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.questions import Ruling
from tests.support.other_side import OtherSide, declare, other_side
from tests.support.sandbox import SandboxServer, running_sandbox
from tests.support.stack import TestNats, run
from tests.support.waiting import eventually
from tests.support.worker_agent import WorkerProcess, agent_client, journal_of, worker_process
from worker_agent.domain import AttemptKey

REPOSITORY = Path(__file__).parents[2]
TOOLS = REPOSITORY / ".mews" / "tools" / "bin"
WAIT = "echo up; sleep 600"
ENV = {
    "MAX_CONCURRENT_TASKS": "30",
    "GRANT_PROCESSES": "50",
    "GRANT_RUN_MS": "120000",
    "GRANT_DEPENDENCIES": "mews-*",
    "MAX_OPEN_QUESTIONS": "2",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    # uv installs packages where the Python of the machine has no pip.
    with running_sandbox({"PATH": f"{TOOLS}:{os.environ['PATH']}"}) as server:
        yield server


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, nats: TestNats, sandbox: SandboxServer) -> Iterator[WorkerProcess]:
    with worker_process(tmp_path_factory.mktemp("worker"), nats, sandbox, **ENV) as made:
        run(made.ready())
        yield made


async def up(side: OtherSide, task: str, command: str = WAIT, env: dict[str, str] | None = None, **limits: int) -> None:
    """An attempt whose agent runs."""
    await side.assign(task, agent="command", command=command, env=env or {}, limits=limits)
    await side.first("stream", task)


async def request(worker: WorkerProcess, task: str, resource: str, amount: str, **arguments: Any) -> Any:
    return await call(worker, task, "request_resources", resource_type=resource, amount_needed=amount, **arguments)


async def call(worker: WorkerProcess, task: str, tool: str, /, **arguments: Any) -> Any:
    async with agent_client(worker, task) as client:
        return await client.call_tool(tool, arguments)


async def limits(sandbox: SandboxServer, task: str) -> dict[str, Any]:
    """The limits that the sandbox holds the agent to now."""
    async with sandbox.client() as client:
        answer = await client.http.get(f"/v1/processes/{AttemptKey(task, 1).process_id('agent')}")
        return answer.json()["limits"]


def text(result: Any) -> str:
    return result.content[0].text


async def grant(side: OtherSide, task: str, state: str = "applied") -> Any:
    """The first event that tells of a grant in a state."""
    return await eventually(
        lambda: next((event for event in side.of("grant", task) if event.body.state == state), None)
    )


async def test_what_the_policy_allows_holds_at_once_and_is_seen(
    worker: WorkerProcess, side: OtherSide, sandbox: SandboxServer
) -> None:
    await up(side, "task-policy", memory_mb=300)
    result = await request(worker, "task-policy", "compute", "+100 MB")
    said = result.structured_content
    assert not result.is_error, text(result)
    assert (said["state"], said["grant"]["before"], said["grant"]["after"]) == ("granted", "300", "400")
    assert "from 300 to 400" in text(result)
    assert (await limits(sandbox, "task-policy"))["memory_mb"] == 400
    event = await grant(side, "task-policy")
    assert (event.event_id, event.evidence, event.body.target) == (said["event_id"], "observed", "memory_mb")
    assert (event.body.before, event.body.after, event.body.granted_by) == ("300", "400", "policy")
    assert side.of("resource_request", "task-policy") == []


async def test_an_agent_with_more_time_outlives_its_own_limit(worker: WorkerProcess, side: OtherSide) -> None:
    status, result = await given_more_time(worker, side, 4_000)
    if status != "completed":
        # A starved machine may need longer to ask than the agent has.
        status, result = await given_more_time(worker, side, 60_000)
    assert status == "completed"
    granted = result.structured_content["grant"]
    assert int(granted["after"]) - int(granted["before"]) == 60_000


async def given_more_time(worker: WorkerProcess, side: OtherSide, run_ms: int) -> tuple[str, Any]:
    """How an agent ended that works longer than it may, and what was said when it asked for more."""
    task = f"task-time-{run_ms}"
    await up(side, task, f"echo up; sleep {run_ms // 1_000 + 2}; echo late", run_ms=run_ms)
    [asked] = await asyncio.gather(request(worker, task, "compute", "+60 seconds"), return_exceptions=True)
    return (await side.outcome(task, within=120)).status, asked


async def test_what_is_there_already_asks_nobody(worker: WorkerProcess, side: OtherSide) -> None:
    await up(side, "task-already", memory_mb=300)
    result = await request(worker, "task-already", "compute", "to 200 MB")
    assert result.structured_content["state"] == "not_needed"
    assert "memory_mb is 300 already" in text(result)
    assert journal_of(worker, "task-already").get("grants", []) == []


async def test_a_grant_ends_with_its_time(worker: WorkerProcess, side: OtherSide, sandbox: SandboxServer) -> None:
    await up(side, "task-expiry", processes=20)
    kept = await request(worker, "task-expiry", "compute", "+5 processes")
    short = await request(worker, "task-expiry", "compute", "+10 processes", duration_ms=1_500)
    assert [result.structured_content["grant"]["after"] for result in (kept, short)] == ["25", "35"]
    event = await grant(side, "task-expiry", "expired")
    assert (event.body.before, event.body.after) == ("35", "25")
    assert event.body.question_id == short.structured_content["question_id"]
    assert (await limits(sandbox, "task-expiry"))["processes"] == 25


async def test_what_is_beyond_the_policy_waits_for_the_manager(
    worker: WorkerProcess, side: OtherSide, sandbox: SandboxServer
) -> None:
    await up(side, "task-beyond", processes=20)
    async with agent_client(worker, "task-beyond") as client:
        arguments = {"resource_type": "compute", "amount_needed": "100 processes", "wait": False}
        first = await client.call_tool("request_resources", arguments)
        assert first.structured_content["state"] == "open"
        assert "grants up to 50" in text(first)
        question = await side.first("resource_request", "task-beyond")
        decision = {"decision": Ruling.trimmed, "amount_granted": "to 60 processes", "decided_by": "ada"}
        await side.answer(question, "not so many", decision=decision)
        second = await client.call_tool("request_resources", arguments | {"wait": True})
    said = second.structured_content
    assert said["question_id"] == question.question_id == first.structured_content["question_id"]
    assert (said["state"], said["answer"], said["grant"]["after"]) == ("answered", "not so many", "60")
    assert "granted by ada, from 20 to 60" in text(second)
    assert (await limits(sandbox, "task-beyond"))["processes"] == 60
    assert (await grant(side, "task-beyond")).body.granted_by == "ada"


async def test_a_refusal_changes_nothing(worker: WorkerProcess, side: OtherSide, sandbox: SandboxServer) -> None:
    await up(side, "task-refused", processes=20)
    await request(worker, "task-refused", "compute", "100 processes", wait=False, duration_ms=315_360_000_000)
    question = await side.first("resource_request", "task-refused")
    await side.answer(question, "no", decision={"decision": Ruling.refused})
    answered = await request(worker, "task-refused", "compute", "100 processes", duration_ms=315_360_000_000)
    assert answered.structured_content["answer"] == "no"
    assert "grant" not in answered.structured_content
    assert (await limits(sandbox, "task-refused"))["processes"] == 20


async def test_what_the_sandbox_does_not_allow_is_told_as_not_applied(worker: WorkerProcess, side: OtherSide) -> None:
    await up(side, "task-high")
    await request(worker, "task-high", "compute", "900 GB", wait=False)
    question = await side.first("resource_request", "task-high")
    await side.answer(question, "yes", decision={"decision": Ruling.granted})
    event = await grant(side, "task-high", "failed")
    assert event.body.target == "memory_mb"
    assert "limits.memory_mb" in event.body.detail


async def test_what_the_worker_cannot_change_is_said_so(worker: WorkerProcess, side: OtherSide) -> None:
    await up(side, "task-cores")
    await request(worker, "task-cores", "compute", "2 cores", wait=False)
    question = await side.first("resource_request", "task-cores")
    await side.answer(question, "yes", decision={"decision": Ruling.granted})
    event = await grant(side, "task-cores", "failed")
    assert (event.body.target, "2 cores" in event.body.detail) == ("compute", True)


async def test_quotas_of_the_platform_can_be_raised(worker: WorkerProcess, side: OtherSide) -> None:
    await up(side, "task-quota")
    asked = {"question_type": "technical", "wait": False}
    for question in ("1?", "2?"):
        assert not (await call(worker, "task-quota", "ask_manager", question=question, **asked)).is_error
    third = {"question": "3?", **asked}
    refused = await call(worker, "task-quota", "ask_manager", **third)
    assert "[quota_exceeded]" in text(refused)
    granted = await request(worker, "task-quota", "api_quota", "+1 questions")
    assert granted.structured_content["grant"]["after"] == "3"
    assert not (await call(worker, "task-quota", "ask_manager", **third)).is_error


async def test_a_package_of_the_allow_list_is_installed_and_removed_when_its_time_is_over(
    worker: WorkerProcess, side: OtherSide, tmp_path: Path
) -> None:
    wheel(tmp_path, "mews_demo", "1.0", "value = 42\n")
    links = str(tmp_path)
    env = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": links, "UV_OFFLINE": "1", "UV_FIND_LINKS": links}
    look = 'PYTHONPATH="$HOME/.local/granted/mews-demo" python3 -c "import mews_demo; print(mews_demo.value)"'
    seen = f"until {look} 2>/dev/null; do sleep 0.2; done; while {look} 2>/dev/null; do sleep 0.2; done; echo gone"
    await up(side, "task-package", f"echo up; {seen}; sleep 600", env)
    result = await request(worker, "task-package", "dependency", "mews-demo>=1", duration_ms=20_000)
    said = result.structured_content
    assert said.get("grant", {}).get("state") == "applied", text(result)
    assert (said["grant"]["target"], said["grant"]["after"]) == ("mews-demo", "mews-demo>=1")
    assert "PYTHONPATH=$HOME/.local/granted/mews-demo" in text(result)
    await eventually(lambda: [event for event in side.of("stream", "task-package") if "42" in event.body.content], 15)
    await eventually(lambda: [event for event in side.of("stream", "task-package") if "gone" in event.body.content], 40)
    missing = await request(worker, "task-package", "dependency", "mews-none")
    assert missing.structured_content["grant"]["state"] == "failed"
    assert "mews-none" in missing.structured_content["grant"]["detail"]


async def test_a_package_that_is_not_on_the_list_goes_to_the_manager(worker: WorkerProcess, side: OtherSide) -> None:
    await up(side, "task-other")
    result = await request(worker, "task-other", "dependency", "requests>=2", wait=False)
    assert result.structured_content["state"] == "open"
    assert (await side.first("resource_request", "task-other")).body.amount_needed == "requests>=2"


async def test_a_grant_survives_restarts_and_is_applied_and_ended_once(nats_server: TestNats, tmp_path: Path) -> None:
    await declare(nats_server)
    with running_sandbox() as sandbox, worker_process(tmp_path, nats_server, sandbox, **ENV) as worker:
        await worker.ready()
        async with other_side(nats_server) as side:
            await up(side, "task-restart", processes=20)
            await request(worker, "task-restart", "compute", "+30 processes", duration_ms=4_000)
            await request(worker, "task-restart", "compute", "+100 processes", wait=False)
            question = await side.first("resource_request", "task-restart")
            worker.kill()
            for words in ("yes", "yes, again"):
                await side.answer(question, words, decision={"decision": Ruling.granted})
            worker.start()
            await worker.ready()
            await grant(side, "task-restart", "expired")
            await request(worker, "task-restart", "compute", "+10 MB")
            assert (await limits(sandbox, "task-restart"))["processes"] == 120
            told = await eventually(lambda: side.of("grant", "task-restart")[3:] and side.of("grant", "task-restart"))
            assert sorted((event.body.state, event.body.granted_by, event.body.target) for event in told) == [
                ("applied", "manager", "processes"),
                ("applied", "policy", "memory_mb"),
                ("applied", "policy", "processes"),
                ("expired", "policy", "processes"),
            ]


def wheel(folder: Path, name: str, version: str, code: str) -> None:
    """A package that an installer takes."""
    about = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": code,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{about}/RECORD"])
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, written in [*files.items(), (f"{about}/RECORD", record)]:
            archive.writestr(path, written)
    (folder / f"{name}-{version}-py3-none-any.whl").write_bytes(content.getvalue())
