"""The settings, as the environment gives them."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from contracts.docstrings import field_docs
from worker_agent.settings import Settings


@pytest.fixture(autouse=True)
def _empty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_a_worker_needs_no_settings() -> None:
    settings = Settings()
    assert settings.worker_id
    assert (settings.max_concurrent_tasks, settings.default_agent) == (3, "auditor")


def test_the_references_variables_mean_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_TAGS", "unified, mcp,analytics,")
    monkeypatch.setenv("MAX_CONCURRENT_TASKS", "7")
    settings = Settings()
    assert (settings.worker_tags, settings.max_concurrent_tasks) == (("unified", "mcp", "analytics"), 7)


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ({"MANAGER_HOST": "host.docker.internal"}, "host.docker.internal"),
        ({"MANAGER_HOST": "host.docker.internal", "NATS_HOST": "nats"}, "nats"),
        ({"MANAGER_HOST": ""}, "localhost"),
    ],
)
def test_the_bus_is_looked_for_at_the_managers_host_unless_it_has_one_of_its_own(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], host: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert Settings().nats_host == host


def test_the_hosts_name_makes_a_legal_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "node.example.org" + "x" * 100)
    assert Settings().worker_id.startswith("node-example-org")
    assert len(Settings().worker_id) == 64


def test_the_data_folder_does_not_move_with_the_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", "here")
    assert Settings().data_dir == tmp_path / "here"


@pytest.mark.parametrize(("name", "value"), [("WORKER_ID", "a.b"), ("MAX_CONCURRENT_TASKS", "0"), ("HTTP_PORT", "x")])
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_every_setting_is_documented() -> None:
    assert Settings.model_fields.keys() - field_docs(Settings).keys() == set()


def test_keys_that_are_set_are_told_by_their_names_and_shown_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURSOR_API_KEY", "cursor-secret")
    monkeypatch.setenv("OPENAI_API_KEY", "")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://models/v1")
    settings = Settings()
    assert settings.agent_keys == {"CURSOR_API_KEY": "cursor-secret"}
    assert settings.agent_variables == {"CURSOR_API_KEY": "cursor-secret", "OPENAI_BASE_URL": "http://models/v1"}
    assert "cursor-secret" not in repr(settings)


def test_each_agent_may_have_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_MODELS", "claude=sonnet, codex=gpt-5-codex,")
    assert Settings().agent_models == {"claude": "sonnet", "codex": "gpt-5-codex"}
    monkeypatch.setenv("AGENT_MODELS", "claude")
    with pytest.raises(ValidationError, match="agent_models"):
        Settings()
