"""The platform runs a task's `verify` commands itself, and believes them more than the agent."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.mews import Structure, System, manager, states_of
from tests.support.repositories import commit_all, new_repository

pytestmark = pytest.mark.timeout(300)

WRITE = "echo hello > greeting.txt; echo written"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = new_repository(tmp_path / "repository")
    (made / "README.md").write_text("Greetings\n")
    commit_all(made, "Begin")
    return made


async def run(system: System, repository: Path, verify: list[str]) -> tuple[str, Structure]:
    requirements: dict[str, Any] = {"agent": "command", "command": WRITE, "repository": str(repository)}
    async with manager(system) as boss:
        task_id = await boss.assign("Write a greeting", requirements={**requirements, "verify": verify}, max_attempts=1)
        await boss.ended(task_id)
        text, report = await boss.ask("monitor_task", task_id=task_id)
    assert report is not None
    return text, report


async def test_a_result_that_passes_its_verification_is_completed_and_verified(system: System, repository: Path):
    text, report = await run(system, repository, ["grep -q hello greeting.txt", "test -f README.md"])
    assert (report["state"], states_of(report)) == ("completed", ["completed"]), report.get("reason")
    verified = report["evidence"]["verified"]
    assert verified["passed"]
    assert [result["exit_code"] for result in verified["commands"]] == [0, 0]
    assert verified["commit"]
    assert report["evidence"]["observed"]["exit_code"] == 0
    assert "verified: passed (2 of 2 commands exited with 0)" in text


async def test_a_result_that_fails_its_verification_is_failed_whatever_the_agent_says(system: System, repository: Path):
    text, report = await run(system, repository, ["test -f README.md", "cat greeting.txt && grep -q bye greeting.txt"])
    assert (report["state"], states_of(report)) == ("failed", ["failed"])
    assert "grep -q bye greeting.txt" in report["reason"]
    verified = report["evidence"]["verified"]
    assert not verified["passed"]
    assert [result["exit_code"] for result in verified["commands"]] == [0, 1]
    assert "hello" in verified["commands"][1]["output_tail"]
    assert report["evidence"]["observed"]["exit_code"] == 0
    assert "verified: FAILED" in text
