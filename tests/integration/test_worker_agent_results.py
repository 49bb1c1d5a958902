"""What an attempt leaves behind: pushed to a real repository or kept in the object store; the evidence of its run."""

import asyncio
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.other_side import WORKER, OtherSide, declare, other_side
from tests.support.repositories import commit_all, git, new_repository
from tests.support.sandbox import SandboxServer
from tests.support.stack import TestNats, run
from tests.support.waiting import eventually
from tests.support.worker_agent import WorkerProcess, agent_client, journal_of, worker_process
from worker_agent.objects import JetStreamObjects

EDIT = "echo changed > code.txt"
JUNIT = '<testsuite><testcase time="0.5"/><testcase><failure/></testcase></testsuite>'
COBERTURA = '<coverage line-rate="0.5" branch-rate="0.25"/>'


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, nats: TestNats, sandbox: SandboxServer) -> Iterator[WorkerProcess]:
    with worker_process(tmp_path_factory.mktemp("worker"), nats, sandbox) as made:
        run(made.ready())
        yield made


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A bare repository with one commit on main."""
    seed = new_repository(tmp_path / "seed")
    (seed / "code.txt").write_text("first\n")
    (seed / "old.xml").write_text(JUNIT)
    commit_all(seed, "first")
    git(tmp_path, "clone", "--quiet", "--bare", "seed", "remote.git")
    return tmp_path / "remote.git"


async def kept(side: OtherSide, stored: Any, folder: Path) -> Path:
    """What the object store holds, as a file."""
    content = await JetStreamObjects(side.bus, WORKER).get(stored.bucket, stored.key)
    path = folder / stored.key.rpartition("/")[2]
    await asyncio.to_thread(path.write_bytes, content or b"")
    return path


async def test_a_completed_result_is_pushed_to_its_branch(worker: WorkerProcess, side: OtherSide, remote: Path) -> None:
    await side.assign(
        "task-push",
        agent="command",
        command=EDIT,
        repository=str(remote),
        ref="main",
        branch="feature/x",
        verify="grep changed code.txt",
    )
    outcome = await side.outcome("task-push")
    seen = outcome.observed
    assert (outcome.status, seen.branch, seen.pushed, seen.push_error) == ("completed", "feature/x", True, None)
    assert git(remote, "rev-parse", "feature/x") == seen.result_commit == outcome.verified.commit
    assert (seen.commits, seen.lines_added, seen.lines_removed) == ([seen.result_commit], 1, 1)
    assert git(remote, "show", "feature/x:code.txt") == "changed"
    assert (seen.bundle, side.of("artifact", "task-push")) == (None, [])


async def test_what_does_not_pass_verification_is_kept_and_not_pushed(
    worker: WorkerProcess, side: OtherSide, remote: Path, tmp_path: Path
) -> None:
    await side.assign(
        "task-kept", agent="command", command=EDIT, repository=str(remote), branch="work", verify="exit 7"
    )
    outcome = await side.outcome("task-kept")
    seen = outcome.observed
    assert (outcome.status, seen.pushed, seen.branch) == ("failed", None, "work")
    assert git(remote, "branch", "--list", "work") == ""
    artifact = await side.first("artifact", "task-kept")
    assert (artifact.stored, artifact.evidence) == (seen.bundle, "observed")
    assert (seen.bundle.bucket, seen.bundle.key) == ("ARTIFACTS", "task-kept/1/result.bundle")
    bundle = await kept(side, seen.bundle, tmp_path)
    git(tmp_path, "clone", "--quiet", "remote.git", "clone")
    git(tmp_path / "clone", "fetch", "--quiet", str(bundle), "work:rescued")
    assert git(tmp_path / "clone", "rev-parse", "rescued") == seen.result_commit
    assert git(tmp_path / "clone", "show", "rescued:code.txt") == "changed"


async def test_a_push_that_is_refused_leaves_a_completed_task_with_a_bundle(
    worker: WorkerProcess, side: OtherSide, remote: Path, tmp_path: Path
) -> None:
    seed = tmp_path / "seed"
    await side.assign("task-refused", agent="command", command=EDIT, repository=str(seed), branch="main")
    outcome = await side.outcome("task-refused")
    seen = outcome.observed
    assert (outcome.status, seen.pushed) == ("completed", False)
    assert "is checked out at the remote" in seen.push_error
    assert seen.bundle.key == "task-refused/1/result.bundle"


async def test_without_git_the_changed_files_are_kept(worker: WorkerProcess, side: OtherSide, tmp_path: Path) -> None:
    await side.assign("task-plain", agent="command", command="mkdir a; echo new > a/made.txt; exit 3")
    outcome = await side.outcome("task-plain")
    assert (outcome.status, outcome.observed.branch) == ("failed", None)
    assert outcome.observed.bundle.key == "task-plain/1/result.tar.gz"
    archive = await kept(side, outcome.observed.bundle, tmp_path)
    with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as tar:
        assert tar.getnames() == ["a/made.txt"]


async def test_nothing_is_kept_of_an_attempt_that_changed_nothing(
    worker: WorkerProcess, side: OtherSide, remote: Path
) -> None:
    await side.assign("task-idle", agent="command", command="true", repository=str(remote), branch="idle")
    seen = (await side.outcome("task-idle")).observed
    assert (seen.pushed, seen.bundle, seen.commits) == (None, None, [])
    assert side.of("artifact", "task-idle") == []


async def test_reports_that_a_run_wrote_are_seen_and_set_beside_the_claim(
    worker: WorkerProcess, side: OtherSide, remote: Path, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    write = f"mkdir reports; echo '{JUNIT}' > reports/junit.xml; echo '{COBERTURA}' > coverage.xml; printf '<a' > b.xml"
    await side.assign(
        "task-seen",
        agent="command",
        command=f"{write}; echo up; while [ ! -e {go} ]; do sleep 0.05; done",
        repository=str(remote),
        verify=f"echo '{COBERTURA}' > again.xml",
    )
    async with agent_client(worker, "task-seen") as client:
        summary = {"tests": {"total": 2, "passed": 2}, "files_modified": ["code.txt"]}
        await client.call_tool("report_completion", {"status": "completed", "summary": summary})
    go.touch()
    outcome = await side.outcome("task-seen")
    seen = outcome.observed
    assert [(one.path, one.counts.total, one.counts.failed) for one in seen.tests] == [("reports/junit.xml", 2, 1)]
    assert [(one.path, one.line_percent, one.branch_percent) for one in seen.coverage] == [("coverage.xml", 50.0, 25.0)]
    assert [one.path for one in outcome.verified.coverage] == ["again.xml"]
    assert outcome.discrepancies == [
        "It says that no test failed (2 of 2 passed); reports/junit.xml shows 1 failed of 2.",
        "It says that it changed code.txt: no difference from the start is seen there.",
    ]


async def test_a_worker_that_is_killed_before_and_after_its_push_has_pushed_once(
    worker: WorkerProcess, side: OtherSide, remote: Path, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    verify = f"while [ ! -e {go} ]; do sleep 0.05; done"
    await side.assign("task-once", agent="command", command=EDIT, repository=str(remote), branch="once", verify=verify)
    await eventually(lambda: journal_of(worker, "task-once").get("phase") == "ended", within=30)
    worker.kill()
    worker.start()
    await worker.ready()
    go.touch()
    await eventually(lambda: git(remote, "branch", "--list", "once"), within=30)
    worker.kill()
    worker.start()
    await worker.ready()
    outcome = await side.outcome("task-once", within=60)
    assert (outcome.status, outcome.observed.pushed) == ("completed", True)
    assert git(remote, "rev-parse", "once") == outcome.observed.result_commit
    assert git(remote, "rev-list", "--count", "once") == "2"
    assert len(side.of("outcome", "task-once")) == 1


async def test_work_that_cannot_be_saved_yet_keeps_its_workspace_until_it_is(
    nats_server: TestNats, sandbox: SandboxServer, tmp_path: Path, remote: Path
) -> None:
    await declare(nats_server)
    ready, go = tmp_path / "ready", tmp_path / "go"
    environment = {"WORKSPACE_RETENTION_MS": "0", "SAVE_MS": "500"}
    with worker_process(tmp_path, nats_server, sandbox, **environment) as worker:
        await worker.ready()
        async with other_side(nats_server) as side:
            command = f"{EDIT}; touch {ready}; while [ ! -e {go} ]; do sleep 0.05; done"
            await side.assign("task-late", agent="command", command=command, repository=str(remote))
            await eventually(ready.exists, within=30)
        nats_server.stop()
        go.touch()
        await eventually(lambda: journal_of(worker, "task-late").get("unsaved"), within=30)
        worker.kill()
        worker.start()
        await eventually(lambda: worker.logged("work_not_saved")[1:], within=60)
        tree = sandbox.root / "task-late.1" / "tree"
        assert tree.exists()
        nats_server.start()
        async with other_side(nats_server) as side:
            artifact = await side.first("artifact", "task-late", within=60)
            outcome = await side.outcome("task-late")
            assert outcome.observed.bundle is None
            bundle = await kept(side, artifact.stored, tmp_path)
        git(tmp_path, "clone", "--quiet", "remote.git", "clone")
        git(tmp_path / "clone", "fetch", "--quiet", str(bundle), "HEAD")
        assert git(tmp_path / "clone", "rev-parse", "FETCH_HEAD") == outcome.observed.result_commit
        await eventually(lambda: not tree.exists(), within=30)


async def test_work_that_can_never_be_saved_is_given_up_and_that_is_told(
    nats_server: TestNats, sandbox: SandboxServer, tmp_path: Path
) -> None:
    await declare(nats_server)
    environment = {"WORKSPACE_RETENTION_MS": "0", "UNSAVED_RETENTION_MS": "1000", "BUNDLE_MAX_MB": "1"}
    with worker_process(tmp_path, nats_server, sandbox, **environment) as worker:
        await worker.ready()
        async with other_side(nats_server) as side:
            await side.assign("task-large", agent="command", command="head -c 3000000 /dev/urandom > large")
            error = await side.first("error", "task-large", within=60)
        assert (error.body.error_type, error.evidence) == ("work_not_saved", "observed")
        assert "larger than 1048576 bytes" in error.body.message
        assert worker.logged("work_lost")
        await eventually(lambda: not (sandbox.root / "task-large.1").exists(), within=30)
