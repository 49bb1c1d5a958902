"""A worker-agent whose sandbox is killed, stopped, or stays away: what becomes of the attempt that needs it."""

import shutil
from pathlib import Path

import pytest

from tests.support.other_side import OtherSide, declare
from tests.support.sandbox import SandboxServer, launch, running_sandbox
from tests.support.stack import TestNats, run
from tests.support.waiting import eventually
from tests.support.worker_agent import worker_process


@pytest.fixture
def nats(nats_server: TestNats) -> TestNats:
    run(declare(nats_server))
    return nats_server


def kill(sandbox: SandboxServer) -> None:
    sandbox.process.kill()
    sandbox.process.wait(10)


async def test_an_agent_that_is_gone_after_a_crash_is_a_failure_that_may_be_tried_again(
    tmp_path: Path, nats: TestNats, side: OtherSide
) -> None:
    with running_sandbox() as own, worker_process(tmp_path, nats, own) as worker:
        await worker.ready()
        await side.assign("task-l", agent="command", command="echo up; sleep 300")
        await side.first("stream", "task-l")
        worker.kill()
        own.stop()
        shutil.rmtree(own.root)
        again = launch(own.socket.parent, {})
        worker.start()
        outcome = await side.outcome("task-l", within=60)
        worker.terminate()
        again.stop()
    assert (outcome.status, outcome.retryable) == ("failed", True)
    assert "process is gone" in outcome.reason


async def test_an_agent_that_its_sandbox_has_lost_is_a_failure_that_may_be_tried_again(
    tmp_path: Path, nats: TestNats, side: OtherSide
) -> None:
    with running_sandbox() as own, worker_process(tmp_path, nats, own) as worker:
        await worker.ready()
        await side.assign("task-w", agent="command", command="echo up; sleep 300", verify="true")
        await side.first("stream", "task-w")
        kill(own)
        again = launch(own.socket.parent, {})
        outcome = await side.outcome("task-w", within=60)
        worker.terminate()
        again.stop()
    assert (outcome.status, outcome.retryable, outcome.verified) == ("failed", True, None)
    assert outcome.reason == "the agent was lost: the sandbox was started anew, and all its processes with it"


async def test_a_verification_that_its_sandbox_has_lost_is_run_again(
    tmp_path: Path, nats: TestNats, side: OtherSide
) -> None:
    runs, go = tmp_path / "runs", tmp_path / "go"
    check = f"echo run >> {runs}; while [ ! -e {go} ]; do sleep 0.05; done"
    with running_sandbox() as own, worker_process(tmp_path, nats, own) as worker:
        await worker.ready()
        await side.assign("task-x", agent="command", command="touch made", verify=["test -e made", check])
        await eventually(runs.exists)
        kill(own)
        go.touch()
        again = launch(own.socket.parent, {})
        outcome = await side.outcome("task-x", within=60)
        worker.terminate()
        again.stop()
    assert (outcome.status, outcome.verified.passed, len(outcome.verified.commands)) == ("completed", True, 2)
    assert runs.read_text() == "run\n" * 2


async def test_a_verification_that_its_sandbox_keeps_losing_could_not_be_run(
    tmp_path: Path, nats: TestNats, side: OtherSide
) -> None:
    runs = tmp_path / "runs"
    with running_sandbox() as own, worker_process(tmp_path, nats, own, SANDBOX_PATIENCE_MS="0") as worker:
        await worker.ready()
        check = f"echo run >> {runs}; sleep 300"
        await side.assign("task-y", agent="command", command="true", verify=check)
        await eventually(runs.exists)
        assert own.stop() == 0
        outcome = await side.outcome("task-y", within=60)
    assert (outcome.status, outcome.retryable, outcome.verified) == ("failed", True, None)
    assert outcome.reason.startswith("the verification could not be run: ")


async def test_an_attempt_fails_when_the_sandbox_stays_away_and_the_worker_is_not_ready_meanwhile(
    tmp_path: Path, nats: TestNats, side: OtherSide
) -> None:
    with running_sandbox() as own, worker_process(tmp_path, nats, own, SANDBOX_PATIENCE_MS="500") as worker:
        await worker.ready()
        own.stop()
        await side.assign("task-s", agent="command", command="true")
        outcome = await side.outcome("task-s")
        assert (outcome.status, outcome.retryable) == ("failed", True)
        assert "the sandbox does not answer" in outcome.reason
        assert await eventually(lambda: worker.reasons()) == {"sandbox"}
        again = launch(own.socket.parent, {})
        await worker.ready()
        await side.assign("task-t", agent="command", command="true")
        assert (await side.outcome("task-t")).status == "completed"
        again.stop()
