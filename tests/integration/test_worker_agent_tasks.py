"""A task on its way through a real worker-agent and a real sandbox, on a real bus."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from contracts.commands import CommandAction
from tests.support.other_side import OtherSide
from tests.support.sandbox import SandboxServer
from tests.support.stack import TestNats, run
from tests.support.waiting import eventually
from tests.support.worker_agent import WorkerProcess, journal_of, worker_process


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, nats: TestNats, sandbox: SandboxServer) -> Iterator[WorkerProcess]:
    with worker_process(tmp_path_factory.mktemp("worker"), nats, sandbox) as made:
        run(made.ready())
        yield made


def make_repository(folder: Path) -> Path:
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b"]
    folder.mkdir()
    for arguments in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "start"]):
        subprocess.run([*git, *arguments], check=True)
    return folder


def ignored(worker: WorkerProcess, task_id: str) -> list[dict[str, Any]]:
    """What it has said of assignments of a task that it did not take."""
    return [one for one in worker.logged("assignment_ignored") if one["task_id"] == task_id]


async def test_a_command_runs_and_its_outcome_says_what_was_seen(worker: WorkerProcess, side: OtherSide) -> None:
    await side.assign("task-a", agent="command", command="echo hello; echo oops >&2; echo new > made.txt")
    outcome = await side.outcome("task-a")
    assert (outcome.status, outcome.observed.exit_code, outcome.observed.agent) == ("completed", 0, "command")
    assert outcome.observed.files_changed == ["made.txt"]
    assert [event.body.status for event in side.of("progress", "task-a")] == ["initializing"]
    streams = {event.body.content: event for event in side.of("stream", "task-a")}
    assert {"hello", "oops"} == set(streams)
    assert all(event.evidence == "observed" for event in streams.values())
    seqs = [event.seq for event in side.events if event.task_id == "task-a"]
    assert len(set(seqs)) == len(seqs)


async def test_a_command_that_fails_is_a_failed_attempt(worker: WorkerProcess, side: OtherSide) -> None:
    await side.assign("task-b", agent="command", command="exit 3")
    outcome = await side.outcome("task-b")
    assert (outcome.status, outcome.reason, outcome.retryable) == ("failed", "the agent exited with 3", True)


async def test_a_result_that_does_not_pass_verification_is_not_completed(
    worker: WorkerProcess, side: OtherSide, tmp_path: Path
) -> None:
    repository = make_repository(tmp_path / "repository")
    common = {"agent": "command", "repository": str(repository), "command": "echo 42 > answer"}
    await side.assign("task-good", verify=["grep 42 answer", "test -d .git"], **common)
    await side.assign("task-bad", verify=["grep 42 answer", "echo no; exit 7", "true"], **common)
    good, bad = await side.outcome("task-good"), await side.outcome("task-bad")
    assert (good.status, good.verified.passed, len(good.verified.commands)) == ("completed", True, 2)
    assert good.observed.result_commit == good.verified.commit != good.observed.base_commit
    assert (bad.status, bad.verified.passed) == ("failed", False)
    assert [(one.exit_code, one.output_tail) for one in bad.verified.commands] == [(0, "42\n"), (7, "no\n")]
    assert bad.reason == "verification failed: `echo no; exit 7` exited with 7"


async def test_an_impossible_task_fails_for_good(worker: WorkerProcess, side: OtherSide) -> None:
    await side.assign("task-c", agent="command")
    await side.assign("task-d", agent="nobody")
    await side.assign("task-e", agent="command", command="true", repository="relative/path")
    for task_id, word in (("task-c", "requirements.command"), ("task-d", "'nobody'"), ("task-e", "absolute path")):
        outcome = await side.outcome(task_id)
        assert (outcome.status, outcome.retryable) == ("failed", False)
        assert word in outcome.reason


async def test_an_assignment_that_comes_again_is_run_once(
    worker: WorkerProcess, side: OtherSide, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    assignment = await side.assign("task-f", attempt=2, agent="command", command=f"echo x >> {marks}")
    await side.outcome("task-f")
    await side.assign_again(assignment, "again")
    await side.assign_again(assignment.model_copy(update={"attempt": 1}), "older")
    # Each at least once: what the bus has no answer for in time it delivers again.
    await eventually(lambda: {one["attempt"] for one in ignored(worker, "task-f")} == {1, 2})
    assert marks.read_text() == "x\n"


async def test_a_cancelled_task_leaves_no_process(worker: WorkerProcess, side: OtherSide, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    command = f"trap '' TERM; (trap '' TERM; echo $$ >> {pids}; sleep 300) & echo $$ >> {pids}; echo up; wait"
    await side.assign("task-g", agent="command", command=command)
    await side.first("stream", "task-g")
    await side.command(CommandAction.cancel, task_id="task-g", attempt=1, reason="no longer needed")
    outcome = await side.outcome("task-g")
    assert (outcome.status, outcome.reason, outcome.retryable) == ("cancelled", "no longer needed", False)
    assert not any(psutil.pid_exists(int(pid)) for pid in pids.read_text().split())


async def test_a_silent_agent_is_ended(worker: WorkerProcess, side: OtherSide) -> None:
    await side.assign("task-h", agent="command", command="echo up; sleep 300", limits={"silence_ms": 500})
    outcome = await side.outcome("task-h")
    assert (outcome.status, outcome.retryable) == ("timed_out", True)
    assert "no sign of life for 0.5 s" in outcome.reason


async def test_a_task_that_runs_too_long_is_timed_out(worker: WorkerProcess, side: OtherSide) -> None:
    await side.assign("task-i", agent="command", command="sleep 300", limits={"run_ms": 500})
    outcome = await side.outcome("task-i")
    assert (outcome.status, outcome.reason) == ("timed_out", "the agent ran longer than it may")


async def test_secrets_of_a_task_never_reach_the_bus(worker: WorkerProcess, side: OtherSide) -> None:
    await side.assign(
        "task-j",
        agent="command",
        command='echo "key=$API_KEY"; echo "$API_KEY" >&2; echo "$MEWS_MCP_TOKEN"; exit 4',
        verify="echo $API_KEY",
        env={"API_KEY": 'pa"ss\\word-123'},
    )
    await side.outcome("task-j")
    token = journal_of(worker, "task-j")["token"].encode()
    assert all(token not in batch.to_json() for batch in side.batches)
    assert all(b"word-123" not in batch.to_json() for batch in side.batches)
    shown = "\n".join(event.body.content for event in side.of("stream", "task-j")).splitlines()
    assert sorted(shown) == ["********", "********", "key=********"]


async def test_a_task_can_be_cancelled_while_it_is_verified(worker: WorkerProcess, side: OtherSide) -> None:
    await side.assign("task-w", agent="command", command="true", verify="sleep 300")
    await eventually(lambda: journal_of(worker, "task-w").get("phase") == "ended")
    await side.command(CommandAction.cancel, task_id="task-w")
    assert (await side.outcome("task-w")).status == "cancelled"


async def test_an_assignment_that_was_cancelled_before_it_came_is_not_begun(
    worker: WorkerProcess, side: OtherSide, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    await side.command(CommandAction.cancel, task_id="task-late", attempt=1, reason="no longer needed")
    await eventually(lambda: "task-late" in (worker.data / "worker.json").read_text())
    await side.assign("task-late", agent="command", command=f"echo first >> {marks}")
    await eventually(lambda: ignored(worker, "task-late"))
    await side.assign("task-late", attempt=2, agent="command", command=f"echo second >> {marks}")
    assert (await side.outcome("task-late")).status == "completed"
    assert marks.read_text() == "second\n"
