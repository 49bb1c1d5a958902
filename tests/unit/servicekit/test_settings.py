import pytest
from pydantic import ValidationError

from contracts.docstrings import field_docs
from servicekit.settings import ServiceSettings, explain


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ServiceSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_variables_are_the_fields_names_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_HOST", "nats.example")
    monkeypatch.setenv("POSTGRES_PORT", "6543")
    settings = ServiceSettings()
    assert (settings.nats_host, settings.postgres_port, settings.redis_port) == ("nats.example", 6543, 6379)


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_USER", "")
    monkeypatch.setenv("HTTP_PORT", "")
    settings = ServiceSettings()
    assert (settings.nats_user, settings.http_port) == (None, 8000)


def test_settings_cannot_be_changed_and_hide_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD", "hunter2")
    settings = ServiceSettings()
    assert "hunter2" not in repr(settings)
    with pytest.raises(ValidationError):
        settings.nats_host = "other"


def test_every_setting_is_described() -> None:
    assert ServiceSettings.model_fields.keys() - field_docs(ServiceSettings).keys() == set()


def test_an_explanation_names_variables_and_shows_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PORT", "secret-by-mistake")
    monkeypatch.setenv("POSTGRES_OWNER_PASSWORD", "hunter2")
    with pytest.raises(ValidationError) as error:
        ServiceSettings()
    assert explain(error.value).startswith("HTTP_PORT: Input should be a valid integer")
    assert "secret-by-mistake" not in explain(error.value)
    monkeypatch.delenv("HTTP_PORT")
    with pytest.raises(ValidationError) as error:
        ServiceSettings()
    assert explain(error.value) == "POSTGRES_OWNER_PASSWORD is set but POSTGRES_OWNER_USER is not"
