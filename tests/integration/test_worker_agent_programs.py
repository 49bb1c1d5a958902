"""The programs of coding agents on a worker: found and tried at the start, and ended when they do not end themselves.

The programs here are small stand-ins which write what the real ones would; those are in tests/e2e.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.other_side import OtherSide, declare, other_side
from tests.support.sandbox import running_sandbox
from tests.support.stack import TestNats, run
from tests.support.worker_agent import WorkerProcess, worker_process

KEY = "sk-of-the-worker-0123456789"
PROGRAMS = {
    "codex": """
[ "$1" = --version ] && echo "codex-cli 9.8.7" && exit
echo '{"type":"item.completed","item":{"id":"i","type":"agent_message","text":"my key is '$CODEX_API_KEY'"}}'
case "$MEWS_REQUIREMENTS" in *fail*) echo '{"type":"turn.failed","error":{"message":"no luck"}}' ;;
*) echo '{"type":"turn.completed","usage":{"input_tokens":7,"output_tokens":2}}' ;; esac
sleep 300
""",
    "claude": """
[ "$1" = --version ] && echo "9.9.9 (Claude Code)" && exit
echo 'Not logged in · Please run /login' >&2
sleep 300
""",
    "gemini": """
echo "cannot start" >&2
exit 3
""",
}


@pytest.fixture(scope="module")
def worker_and_nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WorkerProcess, TestNats]]:
    folder = tmp_path_factory.mktemp("worker")
    nats = TestNats(folder / "nats")
    nats.start()
    run(declare(nats))
    keys = dict.fromkeys(("CODEX_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"), KEY)
    settings = {"AGENT_PATH": str(programs(folder / "bin")), "RESULT_LINGER_MS": "300", **keys}
    with running_sandbox() as sandbox, worker_process(folder, nats, sandbox, **settings) as worker:
        run(worker.ready())
        yield worker, nats
    nats.stop()


@pytest.fixture
def worker(worker_and_nats: tuple[WorkerProcess, TestNats]) -> WorkerProcess:
    return worker_and_nats[0]


@pytest.fixture
async def side(worker_and_nats: tuple[WorkerProcess, TestNats]) -> AsyncIterator[OtherSide]:
    async with other_side(worker_and_nats[1]) as made:
        yield made


def programs(folder: Path) -> Path:
    folder.mkdir()
    for name, text in PROGRAMS.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}")
        (folder / name).chmod(0o755)
    return folder


async def test_a_worker_advertises_the_agents_that_run(worker: WorkerProcess) -> None:
    (registered,) = worker.logged("registered")
    assert registered["capabilities"] == [f"agent:{name}" for name in ("auditor", "command", "claude", "codex")]


async def test_why_an_agent_cannot_run_is_logged_once(worker: WorkerProcess) -> None:
    reasons = {line["agent"]: line["reason"] for line in worker.logged("agent_not_usable")}
    assert len(worker.logged("agent_not_usable")) == len(reasons) == 3
    assert reasons["cursor"] == "CURSOR_API_KEY is not set"
    assert "cannot start" in reasons["gemini"]
    assert "opencode" in reasons["opencode"]
    assert "not found" in reasons["opencode"]


async def test_a_program_that_stays_after_its_result_is_ended_and_counts_by_it(
    worker: WorkerProcess, side: OtherSide
) -> None:
    await side.assign("task-stays", agent="codex")
    outcome = await side.outcome("task-stays")
    assert (outcome.status, outcome.reason) == ("completed", None)
    observed = outcome.observed
    assert (observed.agent_version, observed.tokens_input, observed.tokens_output) == ("9.8.7", 7, 2)
    assert observed.signal is not None


async def test_a_program_that_stays_after_a_bad_result_has_failed(worker: WorkerProcess, side: OtherSide) -> None:
    await side.assign("task-bad", agent="codex", wish="fail")
    outcome = await side.outcome("task-bad")
    assert (outcome.status, outcome.reason) == ("failed", "the agent failed: no luck")


async def test_a_program_that_waits_for_a_login_is_ended_with_that_as_the_reason(
    worker: WorkerProcess, side: OtherSide
) -> None:
    await side.assign("task-login", agent="claude")
    outcome = await side.outcome("task-login")
    assert outcome.status == "failed"
    assert outcome.reason == "the agent waits for a person: Not logged in · Please run /login"


async def test_the_keys_of_the_worker_never_reach_the_bus(worker: WorkerProcess, side: OtherSide) -> None:
    await side.assign("task-key", agent="codex")
    await side.outcome("task-key")
    assert any("my key is ********" in event.body.content for event in side.of("stream", "task-key"))
    assert all(KEY.encode() not in batch.to_json() for batch in side.batches)
