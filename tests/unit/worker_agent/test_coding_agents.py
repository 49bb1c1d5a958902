"""How the coding agents are started: command line, environment, configuration, prompt."""

import tomllib
from json import loads
from typing import Any

import pytest

from contracts.tasks import Requirements
from tests.unit.worker_agent.test_admission import assignment
from worker_agent.agents import AgentHost, adapters
from worker_agent.agents.environment import LONGEST_CALL_S
from worker_agent.errors import TaskUnusable
from worker_agent.ports import AgentJob, Launch

URL, TOKEN = "http://127.0.0.1:1/mcp", "the-token"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
KEYS = {
    "cursor": "CURSOR_API_KEY",
    "claude": "ANTHROPIC_API_KEY",
    "codex": "CODEX_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "opencode": "OPENAI_API_KEY",
}
AGENTS = sorted(KEYS)
NAMES = {
    "cursor": "`report_plan`",
    "claude": "`mcp__mews__report_plan`",
    "codex": "`report_plan`",
    "gemini": "`mcp_mews_report_plan`",
    "opencode": "`mews_report_plan`",
}


def job(**requirements: Any) -> AgentJob:
    wanted = assignment().model_copy(update={"requirements": Requirements.model_validate(requirements)})
    return AgentJob(wanted, URL, TOKEN, "/home/x", "/work/x")


def launch(agent: str, host: AgentHost | None = None, **requirements: Any) -> Launch:
    host = host or AgentHost("python", variables={KEYS[agent]: "the-key"})
    return adapters(host)[agent].launch(job(**requirements))


def files(made: Launch) -> dict[str, str]:
    return {path: content.decode() for path, content in made.files.items()}


@pytest.mark.parametrize("agent", AGENTS)
def test_without_a_key_the_task_is_refused_with_what_to_do(agent: str) -> None:
    with pytest.raises(TaskUnusable, match=rf"`{agent}` needs a key: set .*{KEYS[agent]}.* in requirements\.env"):
        launch(agent, AgentHost("python"))


@pytest.mark.parametrize("agent", AGENTS)
def test_the_key_of_the_task_counts_more_than_that_of_the_worker(agent: str) -> None:
    assert launch(agent).env[KEYS[agent]] == "the-key"
    assert launch(agent, env={KEYS[agent]: "its-own"}).env[KEYS[agent]] == "its-own"


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agent_gets_its_own_key_alone(agent: str) -> None:
    everything = AgentHost("python", variables={key: f"secret of {name}" for name, key in KEYS.items()})
    env = launch(agent, everything, model="given/m").env
    wanted = (
        {"secret of opencode", "secret of gemini", "secret of claude"}
        if agent == "opencode"
        else {f"secret of {agent}"}
    )
    assert {value for value in env.values() if value.startswith("secret of")} == wanted


@pytest.mark.parametrize("agent", AGENTS)
def test_keys_and_tokens_are_in_no_command_line(agent: str) -> None:
    words = " ".join(launch(agent).argv)
    assert "the-key" not in words
    assert TOKEN not in words


@pytest.mark.parametrize("agent", AGENTS)
def test_the_prompt_comes_on_standard_input_with_the_names_that_the_model_sees(agent: str) -> None:
    text = launch(agent).stdin or ""
    told = loads(text)["message"]["content"] if agent == "claude" else text
    assert told.startswith("x\n\n# Reporting")
    assert NAMES[agent] in told


@pytest.mark.parametrize("agent", AGENTS)
def test_a_model_can_be_asked_for_and_is_not_repeated_in_words(agent: str) -> None:
    made = launch(agent, model="given/some-model", colour="green")
    assert "given/some-model" in " ".join((*made.argv, made.env.get("OPENCODE_CONFIG_CONTENT", "")))
    assert "some-model" not in (made.stdin or "")
    assert "colour: green" in (made.stdin or "")


@pytest.mark.parametrize("agent", AGENTS)
def test_the_worker_names_a_model_for_tasks_that_name_none(agent: str) -> None:
    host = AgentHost("python", variables={KEYS[agent]: "k"}, models={agent: "usual"})
    for asked, model in (({}, "usual"), ({"model": "other"}, "other")):
        made = launch(agent, host, **asked)
        assert model in (*made.argv, loads(made.env.get("OPENCODE_CONFIG_CONTENT", "{}")).get("model"))


@pytest.mark.parametrize("agent", AGENTS)
def test_programs_are_looked_for_in_the_folders_of_the_worker_first(agent: str) -> None:
    host = AgentHost("python", "/opt/agents", {KEYS[agent]: "k"})
    plain, found = launch(agent).argv, launch(agent, host).argv
    assert found[:2] == ("/bin/sh", "-c")
    assert found[4:] == ("/opt/agents", *plain)
    assert adapters(host)[agent].self_test().argv[4:] == ("/opt/agents", plain[0], "--version")


@pytest.mark.parametrize("agent", AGENTS)
def test_a_worker_without_its_key_says_what_it_lacks(agent: str) -> None:
    lacks = adapters(AgentHost("python"))[agent].self_test().lacks
    assert lacks is not None
    assert lacks.endswith("is not set")
    assert KEYS[agent] in lacks
    assert adapters(AgentHost("python", variables={KEYS[agent]: "k"}))[agent].self_test().lacks is None


def test_claude_reads_its_servers_from_a_file_and_counts_turns() -> None:
    made = launch("claude", max_turns=7, env={"ANTHROPIC_BASE_URL": "http://m"})
    words = " ".join(made.argv)
    assert words.startswith("claude -p --output-format stream-json --input-format stream-json --verbose")
    assert "--mcp-config /home/x/.mews/mcp.json" in words
    assert words.endswith("--max-turns 7")
    assert loads(files(made)[".mews/mcp.json"]) == {
        "mcpServers": {"mews": {"type": "http", "url": URL, "headers": HEADERS}}
    }
    assert made.env["ANTHROPIC_BASE_URL"] == "http://m"
    assert made.env["MCP_TOOL_TIMEOUT"] == str(LONGEST_CALL_S * 1000)


def test_codex_has_its_server_and_its_model_in_its_configuration() -> None:
    made = launch("codex", env={"OPENAI_BASE_URL": 'http://m/"v1'})
    configuration = tomllib.loads(files(made)[".codex/config.toml"])
    assert configuration["mcp_servers"]["mews"] == {
        "url": URL,
        "http_headers": HEADERS,
        "required": True,
        "default_tools_approval_mode": "approve",
        "startup_timeout_sec": 30,
        "tool_timeout_sec": LONGEST_CALL_S,
    }
    provider = configuration["model_providers"][configuration["model_provider"]]
    assert (provider["base_url"], provider["env_key"]) == ('http://m/"v1', "CODEX_API_KEY")
    assert made.argv[-1] == "-"
    assert "model_provider" not in tomllib.loads(files(launch("codex"))[".codex/config.toml"])


def test_codex_takes_the_key_of_openai_too() -> None:
    made = launch("codex", AgentHost("python", variables={"OPENAI_API_KEY": "general"}))
    assert made.env["CODEX_API_KEY"] == "general"


def test_gemini_trusts_the_server_and_stops_after_the_turns_that_it_has() -> None:
    settings = loads(files(launch("gemini", max_turns=5))[".gemini/settings.json"])
    assert settings["model"] == {"maxSessionTurns": 5}
    assert settings["mcpServers"]["mews"] == {
        "httpUrl": URL,
        "headers": HEADERS,
        "trust": True,
        "timeout": LONGEST_CALL_S * 1000,
    }
    assert "model" not in loads(files(launch("gemini"))[".gemini/settings.json"])


def test_opencode_gets_its_configuration_where_no_repository_can_change_it() -> None:
    made = launch("opencode", model="given/m", max_turns=5, env={"OPENAI_BASE_URL": "http://m/v1"})
    configuration = loads(made.env["OPENCODE_CONFIG_CONTENT"])
    assert configuration["permission"] == {"*": "allow"}
    assert configuration["agent"] == {"build": {"steps": 5}}
    assert configuration["mcp"]["mews"]["headers"] == HEADERS
    assert configuration["provider"]["given"]["options"]["baseURL"] == "http://m/v1"
    assert "the-key" not in made.env["OPENCODE_CONFIG_CONTENT"]


def test_opencode_must_be_told_a_model_of_a_server_that_it_does_not_know() -> None:
    with pytest.raises(TaskUnusable, match="given/<model>"):
        launch("opencode", model="gpt-5", env={"OPENAI_BASE_URL": "http://m/v1"})


def test_cursor_has_its_server_in_its_home() -> None:
    made = launch("cursor")
    assert loads(files(made)[".cursor/mcp.json"]) == {"mcpServers": {"mews": {"url": URL, "headers": HEADERS}}}
    assert "--workspace /work/x" in " ".join(made.argv)


@pytest.mark.parametrize("turns", [0, -1, "many", True, 1.5])
@pytest.mark.parametrize("agent", ["claude", "gemini", "opencode"])
def test_a_number_of_turns_that_is_none_is_refused(agent: str, turns: Any) -> None:
    with pytest.raises(TaskUnusable, match=r"requirements\.max_turns"):
        launch(agent, max_turns=turns)
