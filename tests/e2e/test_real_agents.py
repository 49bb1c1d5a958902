"""Real coding agents from npm, driven by a scripted model, do a task on the running system from end to end.

`MEWS_TEST_AGENTS` says which: `codex` if it is not set, any of `claude,codex,gemini,opencode`, or `all`.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.support.coding_agents import AGENTS, CHOICE, KEY, CodingAgent, wanted_agents
from tests.support.mews import Manager, Structure, System, manager, states_of
from tests.support.model.script import Script
from tests.support.model.server import create_model
from tests.support.repositories import commit_all, new_repository
from tests.support.serving import serving

pytestmark = [pytest.mark.node, pytest.mark.timeout(300)]

SENT, CACHED, RECEIVED = 1000 + 1100 + 1200 + 1300 + 1400, 5 * 200, 5 * 50
"""The sums of what the script says of its turns."""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = new_repository(tmp_path / "repository")
    (made / "README.md").write_text("Greetings\n")
    commit_all(made, "Begin")
    return made


@pytest.mark.parametrize("name", wanted_agents())
async def test_a_real_agent_reports_edits_and_completes_and_all_of_it_is_seen(
    system: System, no_coding_agents: str | None, repository: Path, name: str
):
    if no_coding_agents:
        pytest.skip(no_coding_agents)
    agent, script = AGENTS[name], Script(AGENTS[name].work())
    async with serving(create_model(script)) as model_url, manager(system) as boss:
        task_id = await assign(boss, agent, model_url, repository)
        report = await boss.ended(task_id)
        entries = await entries_of(boss, task_id)

    assert (report["state"], states_of(report)) == ("completed", ["completed"]), report.get("reason")
    assert_outcome(report["evidence"], agent)
    assert_reported(entries)
    assert_observed(entries, agent)
    assert KEY not in str(report) + str(entries)
    assert "Write a greeting" in str(script.requests[0])


async def assign(boss: Manager, agent: CodingAgent, model_url: str, repository: Path) -> str:
    requirements: dict[str, Any] = {
        "agent": agent.name,
        "model": agent.model,
        "env": agent.env(model_url),
        "repository": str(repository),
        "verify": ["grep -q 'Hello from the agent' greeting.txt"],
    }
    return await boss.assign("Write a greeting", requirements=requirements, max_attempts=1)


async def entries_of(boss: Manager, task_id: str) -> list[Structure]:
    return (await boss.call("view_realtime_streams", task_id=task_id, last_n=1_000))["entries"]


def assert_outcome(evidence: Structure, agent: CodingAgent) -> None:
    observed = evidence["observed"]
    assert evidence["claimed"]["status"] == "completed"
    assert evidence["verified"]["passed"]
    assert (observed["agent"], observed["exit_code"], observed["model"]) == (agent.name, 0, agent.model)
    assert observed["agent_version"]
    assert "greeting.txt" in observed["files_changed"]
    assert "greeting.txt | 1 +" in observed["diff_stat"]
    spent = {what: observed[f"tokens_{what}"] for what in ("input", "cached", "output")}
    assert spent == {"input": SENT, "cached": CACHED, "output": RECEIVED}


def assert_reported(entries: list[Structure]) -> None:
    told = {entry["kind"]: entry["content"] for entry in entries if entry["evidence"] == "reported"}
    assert told["progress"].startswith("executing")
    assert CHOICE["chosen_option"] in told["decision"]
    assert "completed" in told["completion"]


def assert_observed(entries: list[Structure], agent: CodingAgent) -> None:
    observed = [entry for entry in entries if entry["evidence"] == "observed"]
    calls = [entry["content"] for entry in observed if entry["kind"] == "tool_call"]
    for tool in ("report_progress", "report_decision", "report_completion"):
        assert any(call.startswith(f"{agent.prefix}{tool} completed") for call in calls), calls
    assert any(f"{agent.shown_as} completed" in call for call in calls), calls
    said = "\n".join(entry["content"] for entry in observed if entry.get("stream_type") == "output")
    assert "The greeting is written." in said
    assert any(entry["kind"] == "token_usage" for entry in observed)
